"""Memory: large messages that wait, of one charge point or many, leave room for everybody else."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from csms.connections import backlog
from csms.connections.backlog import SMALL
from csms.ocppj.websocket import FrameReader
from csms.web import ocpp_protocol
from tests.e2e import test_serve
from tests.e2e.test_messages import metering
from tests.support.charge_point import ScriptedChargePoint
from tests.support.raw_socket import RawSocket, client_frame
from tests.support.system import ADMIN_TOKEN, Client, System, eventually

TOKEN = ADMIN_TOKEN
TEXT, CONTINUATION, PING, PONG, CLOSE = 1, 0, 9, 10, 8
MB = 1024 * 1024
ROOM_MB = 150
"""What the process may grow by; without bounds it is gigabytes."""


@cache
def large(number: int, size: int) -> str:
    """A MeterValues of about so many bytes, which takes some forty times that when it is read."""
    sample = {"value": "1"}
    samples = [sample] * (size // 14)
    stamp = f"2026-03-01T10:{number // 60:02}:{number % 60:02}Z"
    payload = {"connectorId": 1, "meterValue": [{"timestamp": stamp, "sampledValue": samples}]}
    return json.dumps([2, str(number), "MeterValues", payload], separators=(",", ":"))


def memory_of(pid: int) -> int:
    """The resident memory of a process, MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1024


@pytest.mark.gen_test(timeout=120)
@pytest.mark.parametrize("senders", [1, pytest.param(30, marks=pytest.mark.long)])
async def test_large_messages_while_the_database_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, senders: int
) -> None:
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_ADMIN_TOKEN", TOKEN)
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_MAX_WAITING_MB", "4")
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_CONNECTOR_SYNC", "false")
    async with test_serve.serve(tmp_path) as process:
        client = await process.ready()
        mongod = json.loads((tmp_path / "mongod.json").read_text())["pid"]
        honest = await charge_point_of(client, "honest")
        assert await honest.call("MeterValues", metering("1")) == {}
        greedy = [await charge_point_of(client, f"greedy{n}") for n in range(senders)]
        before = memory_of(process.process.pid)
        os.kill(mongod, signal.SIGSTOP)
        try:
            tasks = [asyncio.ensure_future(send_large(one)) for one in greedy]
            grown = 0
            for _ in range(30):
                assert "currentTime" in await honest.call("Heartbeat", {})
                grown = max(grown, memory_of(process.process.pid) - before)
                await asyncio.sleep(0.1)
            assert grown < ROOM_MB
        finally:
            os.kill(mongod, signal.SIGCONT)
        for task in tasks:
            task.cancel()
        # It may be told to send it again, and is heard then.
        assert await eventually(lambda: honest.ask("MeterValues", metering("2")), stored)
        assert memory_of(process.process.pid) - before < ROOM_MB
        for one in (*greedy, honest):
            one.socket.close()


def stored(answer: list[Any]) -> bool:
    return bool(answer[0] == 3)


async def charge_point_of(client: Client, identity: str) -> ScriptedChargePoint:
    """A charge point that has booted."""
    body = {"id": identity, "chargePointIdentity": identity}
    await client.rest("POST", "/admin/charge-points", body, token=TOKEN)
    charge_point = await ScriptedChargePoint.connect(client.ocpp, identity)
    await charge_point.boot()
    return charge_point


async def send_large(charge_point: ScriptedChargePoint) -> None:
    """Send what a socket takes."""
    with suppress(Exception):
        for number in range(8):
            await charge_point.socket.write_message(large(number, 1_000_000))


@asynccontextmanager
async def raw(system: System, identity: str) -> AsyncIterator[RawSocket]:
    await system.whitelist(identity)
    peer = await RawSocket.connect(system.ocpp, identity)
    yield peer
    peer.close()


async def waiting(system: System) -> int:
    return system.central_system.sockets.backlog.size


@pytest.mark.gen_test
async def test_unfinished_messages_count_as_a_whole(system: System) -> None:
    async with raw(system, "A") as a, raw(system, "B") as b:
        a.send(client_frame(TEXT, b"x" * 500_000)[:100_000])
        await eventually(lambda: waiting(system), lambda size: size == 500_000)
        # How many fragments follow is not known: as many as one may send.
        b.send(client_frame(TEXT, b"x" * 50_000, fin=False))
        await eventually(lambda: waiting(system), lambda size: size == 500_000 + MB)
        # A small message in between, and a ping, are served.
        b.send(client_frame(PING, b"?"))
        assert await b.receive() == (PONG, b"?")
    await eventually(lambda: waiting(system), lambda size: size == 0)


@pytest.mark.gen_test
async def test_who_hoards_unfinished_messages_gives_way(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "SILENT_FOR", 0.5)
    monkeypatch.setattr(backlog, "LOOKED_AT_EVERY", 0.1)
    honest = await system.online("honest")
    monkeypatch.setattr(system.central_system.sockets.backlog, "most", MB)
    peers = []
    for number in range(10):
        await system.whitelist(f"H{number}")
        peer = await RawSocket.connect(system.ocpp, f"H{number}")
        peer.send(client_frame(TEXT, b"x" * 900_000)[:40_000])
        peers.append(peer)
    # One that is larger than what is always read, and comes to its end.
    honest.send(large(1, 30 * SMALL))
    await eventually(lambda: system.database.meter_values.count_documents({}), bool)
    # The small ones were never held up.
    assert await honest.call("Heartbeat", {})
    for peer in peers:
        peer.close()
    await eventually(lambda: waiting(system), lambda size: size == 0)


async def skipping(reader: FrameReader) -> int:
    return reader._skip


@pytest.mark.gen_test
async def test_of_one_that_was_turned_away_nothing_is_kept(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[FrameReader] = []

    def make(*options: Any) -> FrameReader:
        readers.append(FrameReader(*options))
        return readers[-1]

    monkeypatch.setattr(ocpp_protocol, "FrameReader", make)
    peer = await RawSocket.connect(system.ocpp, "unknown")
    peer.send(client_frame(TEXT, b"x" * 900_000)[:-1])
    assert await peer.close_code() == 1008
    [reader] = readers
    await eventually(lambda: skipping(reader), lambda left: left == 1)
    assert reader.unfinished == 0
    assert await waiting(system) == 0
    # The rest of the message is skipped, and the close is read behind it.
    peer.send(client_frame(TEXT, b"x" * 900_000)[-1:], client_frame(CLOSE, b"\x03\xe8"))
    assert await peer.end() == b""
    peer.close()


@pytest.mark.gen_test
async def test_large_messages_in_a_row_are_all_served(system: System) -> None:
    charge_point = await system.online("CP1")
    calls = []
    for number in range(6):
        frame = json.loads(large(number, SMALL * (1 + number % 3)))
        calls.append(charge_point.start(frame[2], frame[3]))
    for answer in await asyncio.gather(*calls):
        assert answer[0] == 3
    assert await system.database.meter_values.count_documents({}) == 6
    assert await waiting(system) == 0
    assert system.central_system.sockets.backlog._served == 0
