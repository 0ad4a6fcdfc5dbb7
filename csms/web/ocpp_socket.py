"""The OCPP endpoint: Tornado's WebSocketHandler around a `Connection` (OCPP-J 1.6, 3)."""

from __future__ import annotations

from collections.abc import Awaitable
from http import HTTPStatus
from math import ceil
from typing import Any

from tornado.iostream import SSLIOStream
from tornado.websocket import WebSocketHandler

from csms.config import Settings
from csms.connections.admission import SUBPROTOCOL, Admission, Admitted, Refused, Visitor
from csms.connections.connection import POLICY_VIOLATION, Connection
from csms.connections.sockets import Sockets
from csms.domain.certificate import common_names
from csms.errors import DatabaseUnavailable
from csms.ocppj.frames import Message
from csms.web.ocpp_protocol import OcppProtocol

OCPP_PATH = r"/ocpp/1\.6(?:/.*)?"
RETRY_AFTER = "10"


class OcppSocket(WebSocketHandler):
    """One charge point's socket. It decides nothing: admission and connection do."""

    def initialize(self, admission: Admission, sockets: Sockets, settings: Settings) -> None:
        """Take the parts of the application."""
        self._admission = admission
        self._sockets = sockets
        self._settings = settings
        self._verdict: Admitted | Refused | None = None
        self._connection: Connection | None = None

    # Tornado's defaults that do not fit charge points

    def check_origin(self, origin: str) -> bool:
        """Any: charge points are no browsers, and some send an Origin all the same."""
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Pick ocpp1.6 from what is offered."""
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    def get_websocket_protocol(self) -> OcppProtocol | None:
        """Our own frame loop, for version 13, which is the only one there is."""
        if self.request.headers.get("Sec-WebSocket-Version") != "13":
            return None
        settings = self._settings
        return OcppProtocol(self, settings.max_message_bytes, settings.max_unsent_bytes)

    # The upgrade

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Judge the request, then upgrade or answer with the HTTP status of the verdict."""
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            self.set_header("Upgrade", "websocket")
            return self._say(HTTPStatus.UPGRADE_REQUIRED, "This is the OCPP WebSocket endpoint.")
        if not self._sockets.accepting:
            self.set_header("Retry-After", RETRY_AFTER)
            return self._say(HTTPStatus.SERVICE_UNAVAILABLE, "The central system is stopping.")
        if wait := self._sockets.gate.wait():
            self.set_header("Retry-After", str(wait))
            return self._say(HTTPStatus.SERVICE_UNAVAILABLE, "Too many come at once; try again.")
        visitor = self._visitor()
        try:
            self._verdict = await self._admission.judge(visitor)
        except DatabaseUnavailable:
            self.set_header("Retry-After", RETRY_AFTER)
            return self._say(HTTPStatus.SERVICE_UNAVAILABLE, "The database is away; try again.")
        if isinstance(self._verdict, Refused):
            await self._admission.record_refusal(self._verdict, visitor)
            if self._verdict.http_status is not None:
                return self._refuse(self._verdict)
        await super().get(*args, **kwargs)

    def _visitor(self) -> Visitor:
        offered = self.request.headers.get_list("Sec-WebSocket-Protocol")
        names = (name.strip() for line in offered for name in line.split(","))
        return Visitor(
            self.request.path,
            tuple(name for name in names if name),
            self.request.headers.get("Authorization"),
            self.request.remote_ip or "",
            self.request.protocol == "https",
            common_names(self._certificate()),
        )

    def _certificate(self) -> dict[str, Any] | None:
        # Behind a proxy that ends TLS there is none to be seen.
        stream = getattr(self.request.connection, "stream", None)
        if not isinstance(stream, SSLIOStream):
            return None
        certificate = self.request.get_ssl_certificate()
        return certificate if isinstance(certificate, dict) else None

    def _refuse(self, refused: Refused) -> None:
        if refused.http_status == HTTPStatus.UNAUTHORIZED:
            self.set_header("WWW-Authenticate", 'Basic realm="OCPP", charset="UTF-8"')
        if refused.retry_after is not None:
            self.set_header("Retry-After", str(ceil(refused.retry_after)))
        self._say(refused.http_status or HTTPStatus.BAD_REQUEST, refused.reason)

    def _say(self, status: int, text: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.finish(f"{text}\n")

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

    on_pong = on_ping

    def on_close(self) -> None:
        """Start the clean-up."""
        if self._connection is not None:
            self._sockets.closed(self._connection, self.close_code)
