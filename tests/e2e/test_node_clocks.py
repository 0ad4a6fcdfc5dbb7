"""Nodes whose clocks differ work together, and say whose is off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from csms.app import now
from csms.config import Settings
from csms.connections import node_clock
from csms.domain.times import rfc3339
from csms.repositories.nodes import LEASE
from tests.e2e.test_nodes import ACCEPTED, PATH, beside, there
from tests.support.pages import sign_in
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test


class Off:
    """A clock that is off by so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> datetime:
        return now() + timedelta(seconds=self.seconds)


@pytest.fixture(params=[-60, -9, 9, 60])
def clock(request: pytest.FixtureRequest) -> Off:
    return Off(request.param)


@pytest.fixture
def other(
    io_loop: IOLoop, system: System, mongodb_uri: str, settings: Settings, clock: Off
) -> Iterator[System]:
    yield from beside(io_loop, system, mongodb_uri, settings, clock)


async def test_commands_and_impostors_do_not_notice(system: System, other: System) -> None:
    charge_point = await there(other)
    charge_point.answers["ClearCache"] = lambda _: ACCEPTED
    for asked in (system, other):
        status, _ = await asked.rest("POST", f"{PATH}/commands", {"action": "ClearCache"})
        assert status == 200
        impostor = await asked.connect()
        assert await impostor.closed() == (1008, "Already connected")
    assert await charge_point.call("Heartbeat", {})

    await system.whitelist("CP2")
    here = await system.connect("CP2")
    await here.boot()
    here.answers["ClearCache"] = lambda _: ACCEPTED
    status, _ = await other.rest(
        "POST", "/admin/charge-points/CP2/commands", {"action": "ClearCache"}
    )
    assert status == 200
    impostor = await other.connect("CP2")
    assert await impostor.closed() == (1008, "Already connected")


async def test_an_older_status_does_not_replace_a_newer(system: System, other: System) -> None:
    charge_point = await there(other)
    for text, ago in (("Charging", 1), ("Available", 5), ("Finishing", 0)):
        status = {"connectorId": 1, "errorCode": "NoError", "status": text}
        stamp = rfc3339(now() - timedelta(seconds=ago))
        await charge_point.call("StatusNotification", {**status, "timestamp": stamp})
        shown = (await system.record())["connectors"][0]["status"]
        assert shown == {"Available": "Charging"}.get(text, text)


async def test_no_node_takes_the_other_for_dead(system: System, other: System) -> None:
    charge_point = await there(other)
    for node in (system, other):
        await node.central_system.lease._renew()
        await node.central_system.lease._bury_the_dead()
    nodes = await system.database.nodes.find().to_list(None)
    assert {node["_id"] for node in nodes} == {"test", "other"}
    ends = [node["leaseUntil"] for node in nodes]
    assert all(abs(end - now() - LEASE) < timedelta(seconds=8) for end in ends)
    assert (await system.record())["nodeId"] == "other"
    assert await charge_point.call("Heartbeat", {})


async def test_a_fresh_boot_is_seen_whatever_the_clocks_say(system: System, other: System) -> None:
    charge_point = await there(other, serialNumber="SN-1")

    def boot(_: dict[str, Any]) -> dict[str, Any]:
        charge_point.start(
            "BootNotification",
            {
                "chargePointVendor": "V",
                "chargePointModel": "M",
                "chargePointSerialNumber": "SN-1",
            },
        )
        return ACCEPTED

    charge_point.configure({})
    charge_point.answers["TriggerMessage"] = boot
    status, verification = await system.rest("POST", f"{PATH}/verify", {"freshBoot": True})
    assert status == 200
    assert any("asked for at" in str(field["source"]) for field in verification["fields"])


async def test_the_one_that_is_off_says_so_until_it_is_right(
    system: System, other: System, clock: Off, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def alarms() -> list[dict[str, Any]]:
        return await system.database.alarms.find({"kind": "nodeClock"}).to_list(None)

    [alarm] = await eventually(alarms, bool)
    assert (alarm["subject"], alarm["severity"]) == ("other", "critical")
    assert float(alarm["facts"]["offsetSeconds"]) == pytest.approx(clock.seconds, abs=1)
    _, page = await system.rest("GET", "/admin/nodes")
    offsets = {node["id"]: node["clockOffsetSeconds"] for node in page["items"]}
    assert offsets["other"] == pytest.approx(clock.seconds, abs=1)
    assert abs(offsets["test"]) < 1
    _, text = await (await sign_in(system, "viewer")).page("/nodes")
    assert ("s ahead</span>" if clock.seconds > 0 else "s behind</span>") in text
    assert text.count('<span class="badge bad">') == 1

    clock.seconds = 0
    await other.central_system.lease._renew()
    [alarm] = await eventually(alarms, lambda found: found[0]["closedAt"] is not None)
    _, page = await system.rest("GET", "/admin/nodes")
    assert all(abs(node["clockOffsetSeconds"]) < 1 for node in page["items"])


async def test_a_slow_database_says_nothing_of_the_clock(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_clock, "MAX_ROUND_TRIP", -1)
    known = system.central_system.lease._node_clock
    offset = known.offset
    known._clock = Off(99)
    await known.compare()
    assert known.offset == offset
    assert await system.database.alarms.count_documents({}) == 0
