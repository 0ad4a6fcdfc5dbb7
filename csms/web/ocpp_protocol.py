"""The WebSocket protocol of OCPP sockets, behind Tornado's hook `get_websocket_protocol`.

Tornado's own awaits three times a frame and starts a task for every message it writes. This one
hands over all frames that have come, and writes at once. It is stricter too (see
`csms/ocppj/websocket.py`), and keeps nothing of the HTTP request alive while the socket is idle.
Pings are sent by whoever watches over the connections (`connections/watch.py`).
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from itertools import chain
from typing import Any, cast

import structlog
from tornado.iostream import StreamClosedError
from tornado.util import _websocket_mask
from tornado.websocket import WebSocketHandler, WebSocketProtocol13, _WebSocketParams

from csms.connections.connection import SLOW_READER
from csms.ocppj.websocket import (
    CLOSE,
    NO_STATUS,
    PING,
    PONG,
    TEXT,
    BadText,
    Close,
    Event,
    FrameReader,
    Ping,
    Pong,
    Violation,
    server_frame,
)
from csms.web.ocpp_wire import Wire, take_over
from csms.web.security_headers import clear_security_headers

log = structlog.get_logger(__name__)

EVENTS_IN_A_ROW = 16
"""So many messages of one peer, then the others have their turn."""

CLOSING_SECONDS = 5.0
INTERNAL_ERROR = 1011
MAX_REASON_BYTES = 123


class OcppProtocol(WebSocketProtocol13):
    """One charge point's socket after the upgrade; to its connection it is the `Transport`."""

    def __init__(self, handler: WebSocketHandler, max_message: int, max_unsent: int) -> None:
        """Take the handler whose `open`, `on_message`, `on_ping`, ... are to be run.

        `max_message` is the largest message read, `max_unsent` what may wait for a peer that does
        not read before it is dropped; both in bytes.
        """
        super().__init__(handler, False, _NO_PARAMS)
        self._max_unsent = max_unsent
        self._reader = FrameReader(max_message, _websocket_mask)
        self._events: Iterator[Event] | None = None
        self._paused = False
        self._lost = False
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None
        self._wire: Wire
        self.closed_for: str | None = None
        """Why this side closes, if it is the first to."""

    # The opening handshake (4.2)

    async def accept_connection(self, handler: WebSocketHandler) -> None:
        """Answer the upgrade, open the handler, then read; returns when the reading begins.

        The request has been looked at: see `csms/web/ocpp_handshake.py`.
        """
        self._answer_upgrade(handler)
        try:
            self._wire = await take_over(handler._detach_stream())
        except StreamClosedError:
            return
        try:
            opening = handler.open(*handler.open_args, **handler.open_kwargs)
            if opening is not None:
                await opening
        except Exception:
            log.exception("socket_not_opened")
            self._wire.abort()
        self._wire.start(self)

    def _answer_upgrade(self, handler: WebSocketHandler) -> None:
        headers = handler.request.headers
        offered = headers.get("Sec-WebSocket-Protocol", "")
        names = [name.strip() for name in offered.split(",") if name.strip()]
        self.selected_subprotocol = handler.select_subprotocol(names)
        if self.selected_subprotocol:
            handler.set_header("Sec-WebSocket-Protocol", self.selected_subprotocol)
        handler.clear_header("Content-Type")
        clear_security_headers(handler)
        handler.set_status(101)
        handler.set_header("Upgrade", "websocket")
        handler.set_header("Connection", "Upgrade")
        accepted = self.compute_accept_value(headers["Sec-WebSocket-Key"])
        handler.set_header("Sec-WebSocket-Accept", accepted)
        handler.finish()

    # Reading

    def received(self, data: bytes) -> None:
        """Take bytes from the wire."""
        events = self._reader.feed(data)
        if self._events is not None:
            # They came although the wire was paused: the order counts.
            self._events = chain(self._events, events)
            return
        self._events = iter(events)
        self._handle_events()

    def lost(self) -> None:
        """End, once what was read before is handled."""
        self._lost = True
        if self._events is None:
            self._end()

    def _handle_events(self, waited_for: object = None) -> None:
        """Handle what was read, until it is done or something has to be waited for."""
        assert self._events is not None
        for count, event in enumerate(self._events, 1):
            if self.client_terminated:
                break
            waiting = self._handle(event)
            if waiting is not None:
                waiting.add_done_callback(self._handle_events)
                self._pause()
                return
            if count >= EVENTS_IN_A_ROW:
                asyncio.get_running_loop().call_soon(self._handle_events)
                self._pause()
                return
        self._events = None
        if self._lost:
            self._end()
        elif self._paused:
            self._paused = False
            self._wire.resume()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._wire.pause()

    def _handle(self, event: Event) -> asyncio.Future[Any] | None:
        if isinstance(event, (str, bytes, BadText)):
            return None if self.server_terminated else self._hand_over(event)
        if isinstance(event, Ping):
            self._send(PONG, event.data)
            self.handler.on_ping(event.data)
        elif isinstance(event, Pong):
            self.handler.on_pong(event.data)
        elif isinstance(event, Close):
            self.close_code, self.close_reason = event.code, event.reason
            if event.code is None:
                self.close_code = NO_STATUS
            self.client_terminated = True
            self.close(event.code)
        elif isinstance(event, Violation):
            self.fail(event.code, event.reason)
        return None

    def _hand_over(self, message: str | bytes | BadText) -> asyncio.Future[Any] | None:
        try:
            # A handler of ours takes more than Tornado's promises.
            result = cast(Any, self.handler).on_message(message)
        except Exception:
            log.exception("socket_failed")
            self.close(INTERNAL_ERROR, "The central system failed")
            return None
        return None if result is None else asyncio.ensure_future(result)

    def fail(self, code: int, reason: str) -> None:
        """Close because the peer broke the protocol; what it still sends is read and dropped.

        To close the socket on data that was not read would reset it, and the peer would never see
        why. So our half is closed, and the peer's goes in its own time, or after a while.
        """
        log.info("websocket_broken", code=code, reason=reason)
        self.close_code, self.close_reason = code, reason
        self.close(code, reason)
        self._wire.end_sending()

    # Writing

    def send(self, text: bytes) -> None:
        """Send a message, UTF-8; a socket that is closing swallows it."""
        self._send(TEXT, text)

    def ping(self) -> None:
        """Send a ping."""
        self._send(PING, b"")

    def is_closing(self) -> bool:
        """Whether the socket is closed, or either side has begun to close it."""
        return self.server_terminated or self.client_terminated or self._wire.closed

    def _send(self, opcode: int, payload: bytes) -> None:
        if self.server_terminated or self.client_terminated:
            return
        self._wire.write(server_frame(opcode, payload))
        if self._wire.unsent() > self._max_unsent:
            log.warning("slow_reader_dropped", unsent_limit=self._max_unsent)
            self.abort(SLOW_READER)

    # Closing

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Send a close frame, then close the socket when the peer's has come, or after a while."""
        if not self.server_terminated:
            if not self.client_terminated:
                self.closed_for = reason
            self.server_terminated = True
            self._wire.write(server_frame(CLOSE, _close_payload(code, reason)))
        if self.client_terminated:
            self._wire.close()
        if self._timer is None and not self._ended:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(CLOSING_SECONDS, self._abort)

    def abort(self, reason: str) -> None:
        """Close the socket without a handshake: nobody is there to shake hands."""
        if not self.is_closing():
            self.closed_for = reason
        self._abort()

    def _abort(self) -> None:
        self.client_terminated = self.server_terminated = True
        self._wire.abort()

    def on_connection_close(self) -> None:
        """Be told by the handler what it was told by us."""

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.handler.on_ws_connection_close(self.close_code, self.close_reason)


def _close_payload(code: int | None, reason: str | None) -> bytes:
    if code is None:
        return b""
    text = (reason or "").encode()[:MAX_REASON_BYTES].decode(errors="ignore").encode()
    return struct.pack("!H", code) + text


_NO_PARAMS = _WebSocketParams()
