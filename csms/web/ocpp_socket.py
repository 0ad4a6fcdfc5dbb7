"""The OCPP endpoint: Tornado's WebSocketHandler around a `Connection` (OCPP-J 1.6, 3)."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from math import ceil
from typing import Any, cast

from tornado.iostream import IOStream, SSLIOStream
from tornado.websocket import WebSocketHandler

from csms.config import Settings
from csms.connections.admission import SUBPROTOCOL, Admission, Admitted, Reason, Refused
from csms.connections.backlog import Share
from csms.connections.certificates import ShownCertificate
from csms.connections.connection import POLICY_VIOLATION, Connection
from csms.connections.sockets import Sockets
from csms.connections.visitor import ENDPOINT, Visitor
from csms.domain.certificate import common_names
from csms.errors import DatabaseUnavailable
from csms.ocppj.frames import Message
from csms.web.ocpp_handshake import VERSION, is_browser, objection
from csms.web.ocpp_protocol import OcppProtocol
from csms.web.security_headers import set_security_headers
from csms.web.server import is_spare

RETRY_AFTER = 10
LIMIT_RETRY_AFTER = 60
THIS_IS = f"Charge points connect to {ENDPOINT}/{{chargePointIdentity}} by WebSocket."


def _unavailable(reason: Reason, retry_after: float) -> Refused:
    return Refused(reason, HTTPStatus.SERVICE_UNAVAILABLE, None, retry_after)


class OcppSocket(WebSocketHandler):
    """One charge point's socket. It decides nothing: admission and connection do."""

    def initialize(
        self,
        admission: Admission,
        sockets: Sockets,
        settings: Settings,
        is_ours: Callable[[bytes], bool],
    ) -> None:
        """Take the parts of the application. `is_ours` tells a certificate of our authority."""
        self._is_ours = is_ours
        self._admission = admission
        self._sockets = sockets
        self._settings = settings
        self._verdict: Admitted | Refused | None = None
        self._connection: Connection | None = None

    def set_default_headers(self) -> None:
        """For who is refused; see `OcppProtocol` for the others."""
        set_security_headers(self)

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Pick ocpp1.6 from what is offered."""
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    # The upgrade

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Judge the request, then upgrade or answer with the HTTP status of the verdict."""
        if self._has_left():
            return None
        visitor = self._visitor()
        if refused := await self._cannot_serve_now(visitor):
            self._admission.note_refusal(refused.reason, visitor.remote_address)
            return self._refuse(refused)
        try:
            self._verdict = self._objection(visitor) or await self._admission.judge(visitor)
        except DatabaseUnavailable:
            self._admission.note_refusal(Reason.DATABASE_AWAY, visitor.remote_address)
            return self._refuse(_unavailable(Reason.DATABASE_AWAY, RETRY_AFTER))
        if isinstance(self._verdict, Refused):
            await self._admission.record_refusal(self._verdict, visitor)
            if self._verdict.http_status is not None:
                return self._refuse(self._verdict)
        self.open_args, self.open_kwargs = args, kwargs
        limits = self._settings.max_message_bytes, self._settings.max_unsent_bytes
        share = Share(self._sockets.backlog)
        self.ws_connection = OcppProtocol(self, *limits, share)
        await self.ws_connection.accept_connection(self)

    # A charge point that speaks SOAP, or a proxy that makes something else of the upgrade.
    head = post = put = patch = delete = options = get

    async def _cannot_serve_now(self, visitor: Visitor) -> Refused | None:
        """Why a visitor cannot be let in now, whatever else is right or wrong with its request."""
        if not self._sockets.accepting:
            return _unavailable(Reason.STOPPING, RETRY_AFTER)
        if is_spare(self.request):
            return _unavailable(Reason.TOO_MANY_CONNECTIONS, LIMIT_RETRY_AFTER)
        if wait := await self._sockets.gate.admit(visitor):
            return _unavailable(Reason.TOO_MANY_AT_ONCE, wait)
        return None

    def _objection(self, visitor: Visitor) -> Refused | None:
        """What is wrong with the request before it matters who sent it."""
        if not visitor.names_endpoint:
            return Refused(Reason.WRONG_PATH, HTTPStatus.NOT_FOUND, visitor.likely_identity)
        if found := objection(self.request):
            return Refused(*found, visitor.likely_identity)
        if self._settings.refuse_browsers and is_browser(self.request.headers):
            return Refused(Reason.BROWSER, HTTPStatus.FORBIDDEN, visitor.likely_identity)
        return None

    def _visitor(self) -> Visitor:
        offered = self.request.headers.get_list("Sec-WebSocket-Protocol")
        names = (name.strip() for line in offered for name in line.split(","))
        return Visitor(
            self.request.uri or "",
            self.request.path,
            tuple(name for name in names if name),
            self.request.headers.get("Authorization"),
            self.request.remote_ip or "",
            self.request.protocol == "https",
            self._certificate(),
            self._has_left,
        )

    def _has_left(self) -> bool:
        """Whether the connection was closed while the request was being read."""
        stream = getattr(self.request.connection, "stream", None)
        return isinstance(stream, IOStream) and stream.closed()

    def _certificate(self) -> ShownCertificate | None:
        # Behind a proxy that ends TLS there is none to be seen.
        stream = getattr(self.request.connection, "stream", None)
        if not isinstance(stream, SSLIOStream):
            return None
        der = self.request.get_ssl_certificate(binary_form=True)
        if not isinstance(der, bytes):
            return None
        names = common_names(cast(dict[str, Any], self.request.get_ssl_certificate()))
        return ShownCertificate(hashlib.sha256(der).hexdigest(), names, self._is_ours(der))

    def _refuse(self, refused: Refused) -> None:
        status = refused.http_status or HTTPStatus.BAD_REQUEST
        if status == HTTPStatus.UNAUTHORIZED:
            self.set_header("WWW-Authenticate", 'Basic realm="OCPP", charset="UTF-8"')
        elif status == HTTPStatus.UPGRADE_REQUIRED:
            self.set_header("Upgrade", "websocket")
            self.set_header("Sec-WebSocket-Version", VERSION)
        elif status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", "GET")
        if refused.retry_after is not None:
            self.set_header("Retry-After", str(ceil(refused.retry_after)))
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.finish(f"{refused.reason}. {THIS_IS}\n")

    async def open(self, *args: str, **kwargs: str) -> None:
        """Act on the verdict. No message is read before this returns."""
        # It holds a whole record, and is not needed again.
        verdict, self._verdict = self._verdict, None
        if isinstance(verdict, Admitted):
            protocol = self.ws_connection
            assert isinstance(protocol, OcppProtocol)
            remote = self.request.remote_ip or ""
            self._connection = self._sockets.connect(protocol, verdict, remote)
            await self._sockets.open(self._connection, verdict)
        elif isinstance(verdict, Refused):
            self.close(POLICY_VIOLATION, verdict.reason)

    # The socket's life

    def on_message(self, message: Message) -> Awaitable[None] | None:
        """Hand a message over. Synchronous: the next one, or an answer, must not have to wait."""
        return None if self._connection is None else self._connection.receive(message)

    def on_ping(self, data: bytes) -> None:
        """Hand a sign of life over."""
        if self._connection is not None:
            self._connection.heard()

    def on_pong(self, data: bytes) -> None:
        """Hand the answer to a ping over."""
        if self._connection is not None:
            self._connection.ponged()

    def on_close(self) -> None:
        """Start the clean-up."""
        if self._connection is not None:
            self._sockets.closed(self._connection, self.close_code)


class SocketAtAdminPort(OcppSocket):
    """What a charge point gets at the address of the admin pages: it is turned away, on record."""

    def _objection(self, visitor: Visitor) -> Refused | None:
        return Refused(Reason.WRONG_PORT, HTTPStatus.NOT_FOUND, visitor.likely_identity)
