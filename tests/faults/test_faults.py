"""Faults under load, on real processes: what was acknowledged is there once, nobody is dropped.

Charge points send readings in a closed loop and send again what is refused, as the standard has
them do. How long each fault took to get over is printed.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from csms.embedded_mongod import running_uri
from csms.mongod_state import MongodState
from tests.e2e import test_serve
from tests.faults.load import Load, assert_nobody_was_dropped, assert_stored_once, senders, survive
from tests.support.system import Client


@asynccontextmanager
async def loaded(tmp_path: Path) -> AsyncIterator[tuple[Client, Load, str]]:
    """A csms of its own under load; gives the URI of its mongod too."""
    async with test_serve.serve(tmp_path) as process:
        client = await process.ready()
        token = (tmp_path / "admin-token").read_text().strip()
        load = Load(await senders(client, token=token))
        uri = running_uri(tmp_path)
        assert uri is not None
        yield client, load, uri
        for sender in load.senders:
            await sender.close()


async def come_through(
    load: Load, uri: str, fault: Callable[[], Awaitable[None]], name: str
) -> None:
    await survive(load, fault, name)
    assert_nobody_was_dropped(load)
    assert_stored_once(load, uri)


@pytest.mark.gen_test(timeout=150)
async def test_the_database_is_killed(tmp_path: Path) -> None:
    async with loaded(tmp_path) as (_, load, uri):
        state = MongodState.read(tmp_path)
        assert state is not None

        async def kill() -> None:
            os.kill(state.pid, signal.SIGKILL)

        await come_through(load, uri, kill, "mongod killed")
        assert running_uri(tmp_path) == uri


@pytest.mark.gen_test(timeout=150)
async def test_the_database_freezes(tmp_path: Path) -> None:
    async with loaded(tmp_path) as (_, load, uri):
        state = MongodState.read(tmp_path)
        assert state is not None

        async def freeze() -> None:
            os.kill(state.pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(2)
            finally:
                os.kill(state.pid, signal.SIGCONT)

        await come_through(load, uri, freeze, "mongod frozen for 2 s")


@pytest.mark.gen_test(timeout=150)
async def test_a_connection_is_cut_in_the_middle_of_a_frame(tmp_path: Path) -> None:
    async with loaded(tmp_path) as (client, load, uri):

        async def cut() -> None:
            host, port = client.http.removeprefix("http://").split(":")
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                b"GET /ocpp/1.6/NOBODY HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Protocol: ocpp1.6\r\n"
                b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\x81\xfe\x01\x00abc"
            )
            await writer.drain()
            writer.transport.abort()

        await come_through(load, uri, cut, "a connection cut")
