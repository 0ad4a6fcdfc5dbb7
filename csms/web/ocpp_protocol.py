"""The WebSocket protocol of the OCPP endpoint, behind Tornado's hook for it.

Tornado's own reads a frame in three awaits, writes with a task, and forgives what RFC 6455 does
not. This one takes whatever the socket has and hands on every message in it. Pings are sent by
whoever watches over the connections (`connections/watch.py`), not by a task per socket.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable

from tornado.iostream import IOStream, StreamBufferFullError, StreamClosedError
from tornado.websocket import WebSocketProtocol13

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

READ_BYTES = 65_536
MAX_UNSENT_BYTES = 1_048_576
"""What may wait for a slow reader before it is dropped."""
CLOSE_SECONDS = 5.0
MAX_REASON_BYTES = 123


class OcppProtocol(WebSocketProtocol13):
    """One charge point's socket after the upgrade."""

    stream: IOStream

    @classmethod
    def like(cls, stock: WebSocketProtocol13) -> OcppProtocol:
        """The same as a protocol of Tornado's that has not begun."""
        return cls(stock.handler, stock.mask_outgoing, stock.params)

    def send_text(self, text: bytes) -> bool:
        """Send a text message; False if the socket is closing or its reader too slow."""
        return not self.is_closing() and self._send(TEXT, text)

    def write_ping(self, data: bytes) -> None:
        """Send a ping."""
        if not self.is_closing():
            self._send(PING, data)

    def start_pinging(self) -> None:
        """Leave it to the watch."""

    def is_closing(self) -> bool:
        """Whether the socket is closed, or either side has begun to close it."""
        return self.server_terminated or self.client_terminated or self.stream.closed()

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Begin or complete the closing handshake; the socket is closed in any case soon."""
        if not self.server_terminated:
            self.server_terminated = True
            if not self.stream.closed():
                self._send(CLOSE, _close_payload(code, reason))
        if self.client_terminated:
            self._stop_waiting()
            self.stream.close()
        elif self._waiting is None and not self.stream.closed():
            self._waiting = self.stream.io_loop.call_later(CLOSE_SECONDS, self._abort)

    def abort(self) -> None:
        """Close the socket without a handshake: nobody is there to shake hands."""
        self._abort()

    async def _receive_frame_loop(self) -> None:
        reader = FrameReader(self.params.max_message_size)
        self.stream.max_write_buffer_size = MAX_UNSENT_BYTES
        try:
            while not self.client_terminated:
                data = await self.stream.read_bytes(READ_BYTES, partial=True)
                for event in reader.feed(data):
                    room = self._take(event)
                    if room is not None:
                        await room
        except StreamClosedError:
            self._abort()
        finally:
            self._stop_waiting()
            self.handler.on_ws_connection_close(self.close_code, self.close_reason)

    def _take(self, event: Event) -> Awaitable[None] | None:
        if isinstance(event, str | bytes):
            return None if self.server_terminated else self._hand_on(event)
        if isinstance(event, Ping):
            if not self.is_closing():
                self._send(PONG, event.data)
            self.handler.on_ping(event.data)
        elif isinstance(event, Pong):
            self.handler.on_pong(event.data)
        elif isinstance(event, Close):
            self.client_terminated = True
            self.close_code = NO_STATUS if event.code is None else event.code
            self.close_reason = event.reason
            self.close(event.code)
        elif isinstance(event, Violation):
            self.client_terminated = True
            self.close_code, self.close_reason = event.code, event.reason
            self.close(event.code, event.reason)
        return None

    def _hand_on(self, message: str | bytes) -> Awaitable[None] | None:
        try:
            return self.handler.on_message(message)
        except Exception as error:
            self.handler.log_exception(type(error), error, error.__traceback__)
            self._abort()
            return None

    def _send(self, opcode: int, payload: bytes) -> bool:
        try:
            self.stream.write(server_frame(opcode, payload))
        except StreamClosedError:
            return False
        except StreamBufferFullError:
            self._abort()
            return False
        return True

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self.stream.io_loop.remove_timeout(self._waiting)
            self._waiting = None


def _close_payload(code: int | None, reason: str | None) -> bytes:
    if code is None:
        return b""
    text = (reason or "").encode()[:MAX_REASON_BYTES].decode(errors="ignore").encode()
    return struct.pack("!H", code) + text
