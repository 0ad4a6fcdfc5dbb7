"""A node is frozen, its charge points move to another one, and then it wakes."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from csms.repositories.nodes import LEASE, RENEW_EVERY
from tests.e2e import test_serve
from tests.e2e.test_messages import metering
from tests.faults.test_nodes import TOKEN, node
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import Client, eventually

pytestmark = [pytest.mark.long, pytest.mark.gen_test(timeout=180)]

DATABASE = "csms_frozen"
COUNT = 12
KEY = "a key of 16 bytes or more"
SHORT = 0.6
"""Seconds that are enough for a charge point with credentials to be let in elsewhere."""
SOON = 2.0
SLACK = 5.0
"""Seconds that a busy machine takes on top."""

STALE: list[tuple[str, dict[str, Any]]] = [
    ("StatusNotification", {"connectorId": 0, "errorCode": "NoError", "status": "Unavailable"}),
    ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Unavailable"}),
    ("FirmwareStatusNotification", {"status": "Downloading"}),
    ("MeterValues", metering("666")),
    ("BootNotification", {"chargePointVendor": "Stale", "chargePointModel": "Stale"}),
]


@dataclass
class Scene:
    """Two nodes, of which the first can be frozen."""

    first: Client
    second: Client
    process: test_serve.Process

    def freeze(self) -> None:
        self.process.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.process.process.send_signal(signal.SIGCONT)

    async def rest(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return await self.second.rest(method, path, body, token=TOKEN)

    async def record(self, identity: str) -> dict[str, Any]:
        return dict((await self.rest("GET", f"/admin/charge-points/{identity}"))[1])

    async def here(self, identity: str, key: str | None = KEY) -> ScriptedChargePoint:
        """A charge point that is connected to the first node."""
        body = {"id": identity, "chargePointIdentity": identity}
        status, _ = await self.rest("POST", "/admin/charge-points", body)
        assert status == 201
        if key is not None:
            path = f"/admin/charge-points/{identity}"
            assert (await self.rest("PATCH", path, {"authorizationKey": key}))[0] == 200
        return await connect(self.first, identity, key)


async def connect(client: Client, identity: str, key: str | None = KEY) -> ScriptedChargePoint:
    charge_point = await ScriptedChargePoint.connect(client.ocpp, identity, password=key)
    charge_point.answers["GetConfiguration"] = lambda _: {"unknownKey": []}
    assert (await charge_point.boot())["status"] == "Accepted"
    return charge_point


@asynccontextmanager
async def scene(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    with MongoClient[dict[str, object]](mongodb_uri) as mongo:
        mongo.drop_database(DATABASE)
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_MONGODB_URI", mongodb_uri)
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_MONGODB_DATABASE", DATABASE)
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_ADMIN_TOKEN", TOKEN)
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_CONNECTOR_SYNC", "false")
    async with (
        node("first", tmp_path, monkeypatch) as (first, process),
        node("second", tmp_path, monkeypatch) as (second, _),
    ):
        made = Scene(first, second, process)
        try:
            yield made
        finally:
            if process.process.returncode is None:
                made.wake()


async def report(charge_point: ScriptedChargePoint) -> None:
    """Tell the second node how things are now."""
    for connector_id in (0, 1):
        payload = {"connectorId": connector_id, "errorCode": "NoError", "status": "Charging"}
        await charge_point.call("StatusNotification", payload)
    await charge_point.call("FirmwareStatusNotification", {"status": "Installed"})


def shown(record: dict[str, Any]) -> dict[str, Any]:
    """What must stay as it was reported last."""
    names = ("status", "connectors", "vendor", "model", "firmwareStatus", "lastBootAt", "nodeId")
    return {name: record.get(name) for name in names}


@pytest.mark.parametrize("frozen_for", [SHORT, LEASE.total_seconds() + RENEW_EVERY + SLACK])
async def test_a_woken_node_overwrites_nothing(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch, frozen_for: float
) -> None:
    async with scene(tmp_path, mongodb_uri, monkeypatch) as both:
        names = [f"CP{number}" for number in range(COUNT)]
        old = [await both.here(name) for name in names]
        stays = await both.here("STAYS", None)
        frozen_at = time.monotonic()
        both.freeze()
        for charge_point in old:
            for action, payload in STALE:
                charge_point.start(action, payload)
        new = await asyncio.gather(*(connect(both.second, name) for name in names))
        await asyncio.gather(*(report(charge_point) for charge_point in new))
        expected = [shown(await both.record(name)) for name in names]
        assert {each["nodeId"] for each in expected} == {"second"}
        await asyncio.sleep(max(0, frozen_at + frozen_for - time.monotonic()))

        both.wake()
        for charge_point in old:
            assert await charge_point.closed() == (1001, "Replaced by a new connection")
        # What was noted of this one is stored together with what was noted of the others.
        before = (await both.record("STAYS"))["lastSeen"]
        assert await stays.call("Heartbeat", {})
        kept = await eventually(lambda: both.record("STAYS"), lambda r: r["lastSeen"] != before)
        assert (kept["connected"], kept["nodeId"]) == (True, "first")
        assert [shown(await both.record(name)) for name in names] == expected
        assert all(not each.socket_is_closed for each in new)
        assert await new[0].call("Heartbeat", {})
        _, page = await both.rest("GET", "/admin/meter-values?limit=1000")
        assert page["items"] == []
        for charge_point in (*old, *new, stays):
            await charge_point.close()


async def test_a_request_that_waited_in_a_frozen_node_throws_nobody_out(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, mongodb_uri, monkeypatch) as both:
        old = await both.here("CP")
        await old.close()
        stays = await both.here("STAYS", None)
        both.freeze()
        waits = asyncio.ensure_future(
            ScriptedChargePoint.connect(both.first.ocpp, "CP", password=KEY)
        )
        await asyncio.sleep(2 * SHORT)
        live = await connect(both.second, "CP")
        both.wake()
        stale = await waits
        assert await stale.closed() == (1008, "Already connected")
        assert await stays.call("Heartbeat", {})
        assert await live.call("Heartbeat", {})
        record = await both.record("CP")
        assert (record["connected"], record["nodeId"]) == (True, "second")
        for charge_point in (stale, live, stays):
            await charge_point.close()


async def test_a_command_ends_with_the_lease_of_a_frozen_node(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, mongodb_uri, monkeypatch) as both:
        charge_point = await both.here("CP")
        both.freeze()
        began = time.monotonic()
        status, problem = await command(both)
        assert time.monotonic() - began < LEASE.total_seconds() + SOON + SLACK
        assert (status, problem["outcome"]) == (504, "notSent")
        both.wake()
        # It was given up: the node that wakes does not send it after all.
        assert await charge_point.call("Heartbeat", {})
        await eventually(lambda: both.record("CP"), lambda r: r["connected"])
        charge_point.answers["ClearCache"] = lambda _: {"status": "Accepted"}
        assert (await command(both))[0] == 200
        assert charge_point.waiting_calls == 0
        await charge_point.close()


async def test_a_command_ends_when_its_charge_point_leaves_a_frozen_node(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, mongodb_uri, monkeypatch) as both:
        old = await both.here("CP")
        both.freeze()
        asked = asyncio.ensure_future(command(both))
        await eventually(lambda: pending(both), bool)
        new = await connect(both.second, "CP")
        began = time.monotonic()
        status, problem = await asked
        assert time.monotonic() - began < SOON + SLACK
        assert (status, problem["outcome"]) == (504, "notSent")
        both.wake()
        await old.closed()
        await old.close()
        await new.close()


async def test_a_command_ends_when_its_node_starts_again_under_its_name(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, mongodb_uri, monkeypatch) as both:
        charge_point = await both.here("CP")
        both.freeze()
        asked = asyncio.ensure_future(command(both))
        await eventually(lambda: pending(both), bool)
        await both.process.end(signal.SIGKILL)
        await charge_point.close()
        async with node("first", tmp_path, monkeypatch):
            began = time.monotonic()
            status, problem = await asked
            assert time.monotonic() - began < SOON + SLACK
            assert (status, problem["outcome"]) in ((504, "notSent"), (409, "notSent"))


async def command(both: Scene) -> tuple[int, Any]:
    return await both.rest("POST", "/admin/charge-points/CP/commands", {"action": "ClearCache"})


async def pending(both: Scene) -> list[Any]:
    _, page = await both.rest("GET", "/admin/charge-points/CP/commands")
    return [one for one in page["items"] if one["status"] == "Pending"]
