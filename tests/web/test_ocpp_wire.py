"""The bytes under a socket: in order, all of them, and then the end."""

from __future__ import annotations

import asyncio
import socket

import pytest
from tornado.iostream import IOStream

from csms.web.ocpp_wire import StreamWire
from tests.support import PATIENCE

pytestmark = pytest.mark.gen_test

DATA = bytes(range(256)) * 600


class Owner:
    """Keeps what it receives, and pauses the wire after every piece if it is slow."""

    def __init__(self) -> None:
        self.received_bytes = b""
        self.ended = asyncio.Event()
        self.slow_on: StreamWire | None = None

    def received(self, data: bytes) -> None:
        assert not self.ended.is_set()
        self.received_bytes += data
        if self.slow_on is not None:
            self.slow_on.pause()
            asyncio.get_running_loop().call_soon(self.slow_on.resume)

    def lost(self) -> None:
        assert not self.ended.is_set()
        self.ended.set()


@pytest.mark.parametrize("is_slow", [False, True])
async def test_what_came_before_the_end_is_handed_over_first(is_slow: bool) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    stream = IOStream(ours)
    loop = asyncio.get_running_loop()
    sending = asyncio.ensure_future(loop.sock_sendall(theirs, b"head" + DATA))
    # As the HTTP server does: more than the head is in the stream's buffer then.
    assert await stream.read_bytes(4) == b"head"
    wire, owner = StreamWire(stream), Owner()
    owner.slow_on = wire if is_slow else None
    wire.start(owner)
    await sending
    theirs.close()
    await asyncio.wait_for(owner.ended.wait(), PATIENCE)
    assert owner.received_bytes == DATA
    assert wire.closed


async def test_a_stream_that_ended_before_the_start_has_its_bytes_still() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"head" + DATA[:100_000])
    theirs.close()
    stream = IOStream(ours)
    assert await stream.read_bytes(4) == b"head"
    wire, owner = StreamWire(stream), Owner()
    wire.abort()
    await asyncio.sleep(0)
    wire.start(owner)
    await asyncio.wait_for(owner.ended.wait(), PATIENCE)
    assert owner.received_bytes and DATA.startswith(owner.received_bytes)
