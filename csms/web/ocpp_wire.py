"""The bytes under an OCPP socket, once its upgrade is answered.

A plain socket is taken from Tornado's stream and given to the event loop: uvloop reads and writes
it several times faster. A TLS session cannot be moved, so its stream goes on serving it.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

READ_AT_ONCE = 16_384
"""Bytes. OCPP messages are small, and the stream makes the buffer of every read anew."""


class Owner(Protocol):
    """Who is told what happens on a wire."""

    def received(self, data: bytes) -> None:
        """Take bytes, in order."""

    def lost(self) -> None:
        """Know, once, that the wire is closed: by whom ever."""


class Wire(Protocol):
    """A byte stream that is written without waiting."""

    def start(self, owner: Owner) -> None:
        """Read from now on."""

    def write(self, data: bytes) -> None:
        """Send bytes; a closed wire swallows them."""

    def unsent(self) -> int:
        """How many bytes wait for the peer to read."""

    def pause(self) -> None:
        """Read no more for now; what was read already may still come."""

    def resume(self) -> None:
        """Read again."""

    def end_sending(self) -> None:
        """Close our half, where that can be done; the peer's goes on being read."""

    def close(self) -> None:
        """Close when everything is sent."""

    def abort(self) -> None:
        """Close at once."""

    @property
    def closed(self) -> bool:
        """Whether it is closed, or about to be."""


async def take_over(stream: IOStream) -> Wire:
    """The wire of a stream that has no reader; the stream is not to be used any more.

    Raises:
        StreamClosedError: the peer is gone already.
    """
    if isinstance(stream, SSLIOStream):
        # Its handler knows that already, and would not hear of it again.
        if stream.closed():
            raise StreamClosedError(stream.error)
        return StreamWire(stream)
    return await TransportWire.of(stream)


class TransportWire(asyncio.Protocol):
    """A plain socket on a transport of the event loop."""

    __slots__ = ("_transport", "_owner", "_early", "_lost")

    def __init__(self) -> None:
        self._owner: Owner | None = None
        self._early = b""
        self._lost = False

    @classmethod
    async def of(cls, stream: IOStream) -> TransportWire:
        """Take the socket of a stream, with all that the stream has read of it.

        Raises:
            StreamClosedError: the peer is gone already.
        """
        self = cls()
        if stream.writing():
            await stream.write(b"")
        if stream.closed():
            raise StreamClosedError(stream.error)
        # What came right behind the request is in the stream's buffer, and nowhere else.
        self._early = stream._consume(stream._read_buffer_size)
        socket = stream.socket.dup()
        stream.close()
        socket.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: self, socket)
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hold still until somebody wants to read."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        if self._owner is not None:
            self._owner.received(data)
        else:
            # uvloop begins to read after `connection_made`, whatever was paused there.
            self._early += data
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """Pass the end on."""
        self._lost = True
        if self._owner is not None:
            self._owner.lost()

    def start(self, owner: Owner) -> None:
        """Read from now on."""
        self._owner = owner
        early, self._early = self._early, b""
        self.resume()
        if early:
            owner.received(early)
        if self._lost:
            owner.lost()

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def unsent(self) -> int:
        """How many bytes wait."""
        return self._transport.get_write_buffer_size()

    def pause(self) -> None:
        """Read no more for now."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def end_sending(self) -> None:
        """Close our half."""
        if not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """Close when everything is sent."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    @property
    def closed(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._transport.is_closing()


class StreamWire:
    """A stream of Tornado's."""

    __slots__ = ("_stream", "_owner", "_paused", "_reading", "_lost")

    def __init__(self, stream: IOStream) -> None:
        stream.read_chunk_size = READ_AT_ONCE
        self._stream = stream
        self._owner: Owner | None = None
        self._paused = self._reading = self._lost = False
        stream.set_close_callback(self._read)

    def start(self, owner: Owner) -> None:
        """Read from now on."""
        self._owner = owner
        self._read()

    def _read(self) -> None:
        """Ask for the next bytes; a closed stream still has those that came before its end."""
        if self._reading or self._paused or self._owner is None:
            return
        try:
            data = asyncio.ensure_future(self._stream.read_bytes(READ_AT_ONCE, partial=True))
        except StreamClosedError:
            self._have_lost(self._owner)
            return
        self._reading = True
        data.add_done_callback(self._have_read)

    def _have_read(self, data: asyncio.Future[bytes]) -> None:
        self._reading = False
        if not data.cancelled() and data.exception() is None:
            assert self._owner is not None
            self._owner.received(data.result())
        self._read()

    def _have_lost(self, owner: Owner) -> None:
        if not self._lost:
            self._lost = True
            owner.lost()

    def write(self, data: bytes) -> None:
        """Send bytes."""
        try:
            self._stream.write(data)
        except StreamClosedError:
            return

    def unsent(self) -> int:
        """How many bytes wait, as far as the stream tells."""
        return len(self._stream._write_buffer or b"")

    def pause(self) -> None:
        """Read no more for now."""
        self._paused = True

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        self._read()

    def end_sending(self) -> None:
        """Do nothing: a TLS session ends in both directions."""

    def close(self) -> None:
        """Close when everything is sent."""
        if self._stream.writing():
            flushed = asyncio.ensure_future(self._stream.write(b""))
            flushed.add_done_callback(lambda _: self._stream.close())
        else:
            self._stream.close()

    def abort(self) -> None:
        """Close at once."""
        self._stream.close()

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._stream.closed()
