"""The frame loop of OCPP sockets, behind Tornado's hook `get_websocket_protocol`.

Tornado's own loop awaits three times a frame and starts a task for every message it writes. This
one reads whatever the socket has, hands all frames in it over, and writes at once. It is stricter
too (see `csms/ocppj/websocket.py`), never holds more than `max_unsent` bytes for a peer that does
not read, and keeps nothing of the HTTP request alive while the socket is idle.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from socket import SHUT_WR
from typing import Any

import structlog
from tornado.iostream import SSLIOStream, StreamBufferFullError, StreamClosedError
from tornado.websocket import WebSocketHandler, WebSocketProtocol13, _WebSocketParams

from csms.ocppj.websocket import (
    PING,
    PONG,
    TEXT,
    Close,
    Event,
    Failure,
    FrameParser,
    Ping,
    Pong,
    encode_close,
    encode_frame,
)

log = structlog.get_logger(__name__)

READ_AT_ONCE = 16_384
"""Bytes. OCPP messages are small, and the buffer of every read is made anew."""

EVENTS_IN_A_ROW = 16
"""So many messages of one peer, then the others have their turn."""

CLOSING_SECONDS = 5.0
INTERNAL_ERROR = 1011
NO_STATUS = 1005


@dataclass(frozen=True, slots=True)
class Limits:
    """What one socket may take: bytes of a message, unsent bytes, seconds between pings (0: none).

    A peer that is silent from one ping to the next is gone.
    """

    max_message: int
    max_unsent: int
    ping_interval: float


class OcppProtocol(WebSocketProtocol13):
    """One accepted WebSocket."""

    def __init__(self, handler: WebSocketHandler, limits: Limits) -> None:
        """Take the handler whose `open`, `on_message`, `on_pong` and `on_close` are to be run."""
        super().__init__(handler, False, _NO_PARAMS)
        self._limits = limits
        self._parser = FrameParser(limits.max_message)
        self._events: Iterator[Event] | None = None
        self._heard = True
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None

    # The opening handshake (4.2): the base class's, but for a key that is none.

    def _handle_websocket_headers(self, handler: WebSocketHandler) -> None:
        super()._handle_websocket_headers(handler)
        try:
            key = base64.b64decode(handler.request.headers["Sec-WebSocket-Key"], validate=True)
        except binascii.Error:
            raise ValueError("the key is not base64") from None
        if len(key) != 16:
            raise ValueError("the key does not have 16 bytes")

    def start_pinging(self) -> None:
        """Ping from now on, if the limits say so, and look whether anything comes back."""
        self.stream.set_close_callback(self.on_connection_close)
        self.stream.max_write_buffer_size = self._limits.max_unsent
        self.stream.read_chunk_size = READ_AT_ONCE
        self.stream.set_nodelay(True)
        if self._limits.ping_interval:
            self._call_later(self._limits.ping_interval, self._ping_again)

    def _ping_again(self) -> None:
        if not self._heard:
            self.close(INTERNAL_ERROR, "Ping timed out")
            return
        self._heard = False
        self.ping()
        self._call_later(self._limits.ping_interval, self._ping_again)

    def _call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, callback)

    # Reading

    async def _receive_frame_loop(self) -> None:
        # Not a loop of awaits: the coroutines of the HTTP request end here, and are freed.
        self._read()

    def _read(self) -> None:
        try:
            data = asyncio.ensure_future(self.stream.read_bytes(READ_AT_ONCE, partial=True))
        except StreamClosedError:
            self._end()
            return
        data.add_done_callback(self._have_read)

    def _have_read(self, data: asyncio.Future[bytes]) -> None:
        if data.cancelled() or data.exception() is not None:
            self._end()
            return
        self._heard = True
        self._events = iter(self._parser.feed(data.result()))
        self._handle_events()

    def _handle_events(self, waited_for: object = None) -> None:
        """Handle what was read, until it is done or something has to be waited for."""
        assert self._events is not None
        for count, event in enumerate(self._events, 1):
            if self.client_terminated:
                break
            waiting = self._handle(event)
            if waiting is not None:
                waiting.add_done_callback(self._handle_events)
                return
            if count >= EVENTS_IN_A_ROW:
                asyncio.get_running_loop().call_soon(self._handle_events)
                return
        self._events = None
        self._read()

    def _handle(self, event: Event) -> asyncio.Future[Any] | None:
        if isinstance(event, str | bytes):
            return None if self.server_terminated else self._hand_over(event)
        if isinstance(event, Ping):
            if not self.server_terminated:
                self._write(encode_frame(PONG, event.data))
        elif isinstance(event, Pong):
            self.handler.on_pong(event.data)
        elif isinstance(event, Close):
            self.close_code, self.close_reason = event.code or NO_STATUS, event.reason
            self.client_terminated = True
            self.close(event.code)
        elif isinstance(event, Failure):
            self._fail(event)
        return None

    def _hand_over(self, message: str | bytes) -> asyncio.Future[Any] | None:
        try:
            result = self.handler.on_message(message)
        except Exception:
            log.exception("socket_failed")
            self.close(INTERNAL_ERROR, "The central system failed")
            return None
        return None if result is None else asyncio.ensure_future(result)

    def _fail(self, failure: Failure) -> None:
        """Close because the peer broke the protocol; what it still sends is read and dropped.

        To close the socket on data that was not read would reset it, and the peer would never see
        why. So our half is closed, and the peer's goes in its own time, or after a while.
        """
        log.info("websocket_broken", code=failure.code, reason=failure.reason)
        self.close_code, self.close_reason = failure.code, failure.reason
        self.close(failure.code, failure.reason)
        if not isinstance(self.stream, SSLIOStream) and not self.stream.closed():
            with suppress(OSError):
                self.stream.socket.shutdown(SHUT_WR)

    # Writing

    def send(self, text: str) -> None:
        """Send a message; a socket that is closing swallows it."""
        if not self.server_terminated:
            self._write(encode_frame(TEXT, text.encode()))

    def ping(self) -> None:
        """Send a ping."""
        if not self.server_terminated:
            self._write(encode_frame(PING, b""))

    def _write(self, frame: bytes) -> None:
        stream = self.stream
        if stream.closed():
            return
        try:
            # The stream makes a future of every write. Most frames fit the socket at once.
            sent = 0 if stream.writing() else stream.write_to_fd(memoryview(frame))
        except BlockingIOError:
            sent = 0
        except OSError:
            stream.close()
            return
        if sent == len(frame):
            return
        try:
            stream.write(frame[sent:])
        except StreamClosedError:
            return
        except StreamBufferFullError:
            log.warning("slow_reader_dropped", unsent_limit=self._limits.max_unsent)
            self._abort()

    # Closing

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Send a close frame, then close the socket when the peer's has come, or after a while."""
        if not self.server_terminated:
            self.server_terminated = True
            if code is None and reason is not None:
                code = 1000
            self._write(encode_close(code, reason or ""))
        if self.client_terminated:
            self._close_when_sent()
        else:
            self._call_later(CLOSING_SECONDS, self._abort)

    def _close_when_sent(self) -> None:
        if self.stream.writing():
            self._call_later(CLOSING_SECONDS, self.stream.close)
            flushed = self.stream.write(b"")
            flushed.add_done_callback(lambda _: self.stream.close())
        else:
            self.stream.close()

    def _abort(self) -> None:
        self.client_terminated = self.server_terminated = True
        self.stream.close()

    def on_connection_close(self) -> None:
        """Tell the handler that the socket is gone, once what was read before is handled."""
        if self._events is None:
            self._end()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.handler.on_ws_connection_close(self.close_code, self.close_reason)


_NO_PARAMS = _WebSocketParams()
