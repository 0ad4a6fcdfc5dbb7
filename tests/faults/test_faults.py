"""Faults under load, on real processes: what was acknowledged is there once, nobody is dropped.

Charge points send readings in a closed loop and send again what is refused, as the standard has
them do. How long each fault took to get over is printed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from csms.embedded_mongod import running_uri
from csms.mongod_state import MongodState
from tests.e2e import test_serve
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import Client, eventually

COUNT = 20
READINGS = 15
"""How many each charge point gets acknowledged before, and after, the fault."""


class Load:
    """Charge points that keep sending, and what they were acknowledged."""

    def __init__(self, charge_points: list[ScriptedChargePoint]) -> None:
        self.charge_points = charge_points
        self.acknowledged: list[str] = []
        self.refused = 0
        self._stopping = False
        self._tasks = [
            asyncio.ensure_future(self._send(number, charge_point))
            for number, charge_point in enumerate(charge_points)
        ]

    async def _send(self, number: int, charge_point: ScriptedChargePoint) -> None:
        count = 0
        while not self._stopping:
            count += 1
            raw = f"{number}.{count:04}"
            payload = reading(raw)
            while (await asyncio.wait_for(charge_point.start("MeterValues", payload), 60))[0] == 4:
                self.refused += 1
                await asyncio.sleep(0.1)
            self.acknowledged.append(raw)

    async def more(self, count: int) -> None:
        """Wait until so many more readings are acknowledged."""
        goal = len(self.acknowledged) + count

        async def so_far() -> int:
            return len(self.acknowledged)

        await eventually(so_far, lambda acknowledged: acknowledged >= goal, within=60)

    async def stop(self) -> None:
        """Let everybody finish the reading that is out."""
        self._stopping = True
        await asyncio.wait_for(asyncio.gather(*self._tasks), 90)


def reading(raw: str) -> dict[str, Any]:
    sample = {"value": raw, "measurand": "Voltage", "unit": "V"}
    return {
        "connectorId": 1,
        "meterValue": [{"timestamp": "2026-11-23T10:00:00Z", "sampledValue": [sample]}],
    }


@asynccontextmanager
async def loaded(tmp_path: Path) -> AsyncIterator[tuple[Client, Load, str]]:
    """A csms of its own under load; gives the URI of its mongod too."""
    async with test_serve.serve(tmp_path) as process:
        client = await process.ready()
        token = (tmp_path / "admin-token").read_text().strip()
        charge_points = []
        for number in range(COUNT):
            body = {"id": f"CP{number}", "chargePointIdentity": f"CP{number}"}
            status, _ = await client.rest("POST", "/admin/charge-points", body, token=token)
            assert status == 201
            charge_point = await ScriptedChargePoint.connect(client.ocpp, f"CP{number}")
            charge_point.answers["GetConfiguration"] = lambda _: {"unknownKey": []}
            assert (await charge_point.boot())["status"] == "Accepted"
            charge_points.append(charge_point)
        load = Load(charge_points)
        uri = running_uri(tmp_path)
        assert uri is not None
        await load.more(COUNT * READINGS)
        yield client, load, uri
        for charge_point in charge_points:
            await charge_point.close()


async def survive(
    tmp_path: Path, load: Load, uri: str, fault: Callable[[], Any], name: str
) -> None:
    """Let the fault happen under load; see everything well again, and every reading there once."""
    await fault()
    started = time.monotonic()
    await load.more(COUNT * READINGS)
    seconds = time.monotonic() - started
    sys.stdout.write(f"{name}: readings are acknowledged again after {seconds:.1f} s\n")
    await load.stop()
    assert all(not charge_point.socket_is_closed for charge_point in load.charge_points)
    with MongoClient[dict[str, Any]](uri) as mongo:
        stored = mongo["csms"]["meter_values"].find({}, {"sampledValue.raw": 1})
        raws = [document["sampledValue"][0]["raw"] for document in stored]
    assert len(raws) == len(set(raws))
    assert set(load.acknowledged) <= set(raws)


@pytest.mark.gen_test(timeout=150)
async def test_the_database_is_killed(tmp_path: Path) -> None:
    async with loaded(tmp_path) as (_, load, uri):
        state = MongodState.read(tmp_path)
        assert state is not None

        async def kill() -> None:
            os.kill(state.pid, signal.SIGKILL)

        await survive(tmp_path, load, uri, kill, "mongod killed")
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

        await survive(tmp_path, load, uri, freeze, "mongod frozen for 2 s")


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

        await survive(tmp_path, load, uri, cut, "a connection cut")
