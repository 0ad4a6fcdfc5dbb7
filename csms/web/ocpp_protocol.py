"""The frame loop of OCPP sockets, behind Tornado's hook `get_websocket_protocol`.

Tornado's own loop awaits three times a frame and starts a task for every message it writes. This
one reads whatever the socket has, hands all frames in it over, and writes at once. It is stricter
too (see `csms/ocppj/websocket.py`), and keeps nothing of the HTTP request alive while the socket
is idle. Pings are sent by whoever watches over the connections (`connections/watch.py`).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from socket import SHUT_WR
from typing import Any

import structlog
from tornado.iostream import IOStream, SSLIOStream, StreamBufferFullError, StreamClosedError
from tornado.websocket import WebSocketHandler, WebSocketProtocol13, _WebSocketParams

from csms.ocppj.websocket import (
    CLOSE,
    NO_STATUS,
    PING,
    PONG,
    TEXT,
    Close,
    Event,
    FrameReader,
    Ping,
    Pong,
    Violation,
    server_frame,
)

log = structlog.get_logger(__name__)

READ_AT_ONCE = 16_384
"""Bytes. OCPP messages are small, and the buffer of every read is made anew."""

EVENTS_IN_A_ROW = 16
"""So many messages of one peer, then the others have their turn."""

CLOSING_SECONDS = 5.0
INTERNAL_ERROR = 1011
MAX_REASON_BYTES = 123


class OcppProtocol(WebSocketProtocol13):
    """One charge point's socket after the upgrade."""

    stream: IOStream

    def __init__(self, handler: WebSocketHandler, max_message: int, max_unsent: int) -> None:
        """Take the handler whose `open`, `on_message`, `on_ping`, ... are to be run.

        `max_message` is the largest message read, `max_unsent` what may wait for a peer that does
        not read before it is dropped; both in bytes.
        """
        super().__init__(handler, False, _NO_PARAMS)
        self._max_unsent = max_unsent
        self._reader = FrameReader(max_message)
        self._events: Iterator[Event] | None = None
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
        """Leave the pings to the watch; this is the moment when the stream is ours."""
        self.stream.set_close_callback(self.on_connection_close)
        self.stream.max_write_buffer_size = self._max_unsent
        self.stream.read_chunk_size = READ_AT_ONCE
        self.stream.set_nodelay(True)

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
        self._events = iter(self._reader.feed(data.result()))
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
            if not self.is_closing():
                self._write(server_frame(PONG, event.data))
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

    def _fail(self, violation: Violation) -> None:
        """Close because the peer broke the protocol; what it still sends is read and dropped.

        To close the socket on data that was not read would reset it, and the peer would never see
        why. So our half is closed, and the peer's goes in its own time, or after a while.
        """
        log.info("websocket_broken", code=violation.code, reason=violation.reason)
        self.close_code, self.close_reason = violation.code, violation.reason
        self.close(violation.code, violation.reason)
        if not isinstance(self.stream, SSLIOStream) and not self.stream.closed():
            with suppress(OSError):
                self.stream.socket.shutdown(SHUT_WR)

    # Writing

    def send_text(self, text: bytes) -> None:
        """Send a message, UTF-8; a socket that is closing swallows it."""
        if not self.is_closing():
            self._write(server_frame(TEXT, text))

    def write_ping(self, data: bytes) -> None:
        """Send a ping."""
        if not self.is_closing():
            self._write(server_frame(PING, data))

    def is_closing(self) -> bool:
        """Whether the socket is closed, or either side has begun to close it."""
        return self.server_terminated or self.client_terminated or self.stream.closed()

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
            log.warning("slow_reader_dropped", unsent_limit=self._max_unsent)
            self._abort()

    # Closing

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Send a close frame, then close the socket when the peer's has come, or after a while."""
        if not self.server_terminated:
            self.server_terminated = True
            self._write(server_frame(CLOSE, _close_payload(code, reason)))
        if self.client_terminated:
            self._close_when_sent()
        else:
            self._call_later(CLOSING_SECONDS, self._abort)

    def abort(self) -> None:
        """Close the socket without a handshake: nobody is there to shake hands."""
        self._abort()

    def _close_when_sent(self) -> None:
        if self.stream.writing():
            self._call_later(CLOSING_SECONDS, self.stream.close)
            flushed = self.stream.write(b"")
            flushed.add_done_callback(lambda _: self.stream.close())
        else:
            self.stream.close()

    def _call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, callback)

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


def _close_payload(code: int | None, reason: str | None) -> bytes:
    if code is None:
        return b""
    text = (reason or "").encode()[:MAX_REASON_BYTES].decode(errors="ignore").encode()
    return struct.pack("!H", code) + text


_NO_PARAMS = _WebSocketParams()
