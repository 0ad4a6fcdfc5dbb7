"""A charge point's socket: its Calls one at a time, the central system's served at once."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Callable
from contextlib import suppress

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    WebSocketError,
    websocket_connect,
)

from csms.ocppj.frames import Call, CallError, CallResult, Payload
from csms.ocppj.payloads import answer_errors
from csms.ocppj.session import Answered, Refused, Session, Unreadable
from csms.simulator.endpoint import Endpoint

SUBPROTOCOL = "ocpp1.6"
PROTOCOL_ERROR, GOING_AWAY = 1002, 1001
CONNECT_TIMEOUT = 20.0
CLOSE_TIMEOUT = 2.0
MAX_UNANSWERED = 2

Serve = Callable[[Call], tuple[bytes, Callable[[], None] | None]]
"""Serves a Call: the text to answer, and what to do once it is sent."""


class TurnedAway(Exception):
    """The central system does not want this charge point; asking again soon changes nothing."""


class Unreachable(Exception):
    """There is no central system to talk to at the moment."""


class CallFailed(Exception):
    """A Call without a proper CallResult."""


class LinkLost(CallFailed):
    """The socket closed before the answer came."""


class Unanswered(CallFailed):
    """No answer in time."""


class CallRefused(CallFailed):
    """Answered with a CALLERROR, or with what is no answer to this Action."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code


async def open_socket(
    endpoint: Endpoint, identity: str, password: str
) -> WebSocketClientConnection:
    """Connect as this charge point; an empty password sends no credentials.

    Raises:
        TurnedAway, Unreachable: it did not work, and why.
    """
    headers = {}
    if password:
        credentials = base64.b64encode(f"{identity}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
    request = HTTPRequest(
        endpoint.charge_point(identity),
        headers=headers,
        connect_timeout=CONNECT_TIMEOUT,
        request_timeout=CONNECT_TIMEOUT,
        ssl_options=endpoint.tls,
    )
    try:
        socket = await websocket_connect(request, subprotocols=[SUBPROTOCOL])
    except HTTPClientError as error:
        answered = f"HTTP {error.code} {error.message}"
        refused = 400 <= error.code < 500 and error.code not in (408, 429)
        raise (TurnedAway if refused else Unreachable)(answered) from None
    except (OSError, WebSocketError) as error:
        raise Unreachable(str(error) or type(error).__name__) from None
    if socket.selected_subprotocol != SUBPROTOCOL:
        socket.close(PROTOCOL_ERROR, "ocpp1.6 was not selected")
        raise TurnedAway("the server did not select the sub-protocol ocpp1.6")
    return socket


class Link:
    """One open socket, from the upgrade to the close."""

    def __init__(
        self,
        socket: WebSocketClientConnection,
        serve: Serve,
        sent: Callable[[], None],
        call_timeout: float,
    ) -> None:
        self._socket = socket
        self._serve = serve
        self._sent = sent
        self._call_timeout = call_timeout
        self._session = Session()
        self._turn = asyncio.Lock()
        self._ids = itertools.count(1)
        self._answer: asyncio.Future[CallResult | CallError] | None = None
        self._unanswered = 0
        self._is_open = True

    async def read(self) -> tuple[int | None, str]:
        """Serve what comes in until the socket closes; returns the close code and reason."""
        try:
            while (text := await self._socket.read_message()) is not None:
                self._receive(text)
        finally:
            self._is_open = False
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(LinkLost("the connection was lost"))
        code, reason = self._socket.close_code, self._socket.close_reason
        self._socket.close()
        return code, reason or ""

    async def call(self, action: str, payload: Payload) -> Payload:
        """Send a Call when it is its turn, and return the CallResult's payload.

        Raises:
            LinkLost, Unanswered, CallRefused: there is no such answer.
        """
        async with self._turn:
            if not self._is_open:
                raise LinkLost("the connection was lost")
            self._answer = asyncio.get_running_loop().create_future()
            self._send(self._session.start_call(str(next(self._ids)), action, payload))
            try:
                async with asyncio.timeout(self._call_timeout):
                    answer = await self._answer
            except TimeoutError:
                self._note_silence()
                raise Unanswered(f"no answer within {self._call_timeout:g} s") from None
            finally:
                self._session.give_up()
                self._answer = None
        if isinstance(answer, CallError):
            raise CallRefused(answer.code, answer.description)
        if errors := answer_errors(action, answer.payload):
            wrong = f"{errors[0].field}: {errors[0].message}"
            raise CallRefused("FormationViolation", f"the answer breaks the schema: {wrong}")
        return answer.payload

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake; `read` returns when it is done."""
        self._socket.close(code, reason)

    async def hang_up(self, code: int, reason: str) -> None:
        """Close while nobody reads, and wait for the close, not for long."""
        self.close(code, reason)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self.read()

    def _receive(self, text: str | bytes) -> None:
        self._unanswered = 0
        event = self._session.receive(text)
        if isinstance(event, Call):
            reply, then = self._serve(event)
            self._send(reply)
            if then is not None:
                then()
        elif isinstance(event, Answered):
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(event.answer)
        elif isinstance(event, Refused):
            self._send(event.reply)
        elif isinstance(event, Unreadable) and event.hopeless:
            self.close(PROTOCOL_ERROR, "Too many unreadable messages")

    def _send(self, text: bytes) -> None:
        try:
            written = self._socket.write_message(text)
        except WebSocketClosedError:
            return
        self._sent()
        # A socket that closes under a write is told by `read`, not by each write.
        written.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _note_silence(self) -> None:
        self._unanswered += 1
        if self._unanswered >= MAX_UNANSWERED:
            self.close(GOING_AWAY, "No answers")
