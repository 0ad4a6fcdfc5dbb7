"""SecurityEventNotification: stored once, queryable, critical ones at a glance."""

from __future__ import annotations

import pytest

from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "SecurityEventNotification"
PATH = "/admin/security-events"


async def tell(
    charge_point: ScriptedChargePoint, kind: str, minute: int = 0, **fields: str
) -> None:
    event = {"type": kind, "timestamp": f"2026-11-23T10:{minute:02}:00Z", **fields}
    assert await charge_point.call(ACTION, event) == {}


async def shown(system: System, query: str = "") -> list[str]:
    status, page = await system.rest("GET", f"{PATH}?{query}")
    assert status == 200, page
    return [event["type"] for event in page["items"]]


async def test_an_event_is_stored_once_however_often_it_is_told(system: System) -> None:
    charge_point = await system.online()
    for _ in range(2):
        await tell(charge_point, "InvalidTLSVersion", techInfo="TLS 1.0")
    _, page = await system.rest("GET", PATH)
    [event] = page["items"]
    assert (
        event.items()
        >= {
            "chargePointId": "CP1",
            "chargePointIdentity": "CP1",
            "type": "InvalidTLSVersion",
            "critical": False,
            "timestamp": "2026-11-23T10:00:00Z",
            "techInfo": "TLS 1.0",
        }.items()
    )


async def test_events_can_be_found(system: System) -> None:
    charge_point, other = await system.online("CP1"), await system.online("CP2")
    await tell(charge_point, "InvalidMessages", 1)
    await tell(charge_point, "TamperDetectionActivated", 2)
    await tell(other, "VendorsOwn", 3)
    assert await shown(system) == ["VendorsOwn", "TamperDetectionActivated", "InvalidMessages"]
    assert await shown(system, "critical=true") == ["TamperDetectionActivated"]
    assert await shown(system, "chargePointId=CP2") == ["VendorsOwn"]
    assert await shown(system, "type=InvalidMessages") == ["InvalidMessages"]
    assert await shown(system, "from=2026-11-23T10:02:00Z&to=2026-11-23T10:03:00Z") == [
        "TamperDetectionActivated"
    ]
    lines = (await system.fetch("GET", f"{PATH}?format=csv")).body.decode().splitlines()
    assert len(lines) == 4 and lines[0].startswith("chargePointId,")


async def test_the_latest_critical_one_is_with_the_charge_point(system: System) -> None:
    charge_point = await system.online()
    await tell(charge_point, "MemoryExhaustion", 5)
    await tell(charge_point, "InvalidMessages", 6)
    _, record = await system.rest("GET", "/admin/charge-points/CP1")
    assert record["criticalSecurityEvent"] == "MemoryExhaustion"
    assert record["criticalSecurityEventAt"] == "2026-11-23T10:05:00Z"


async def test_one_without_a_type_is_kept(system: System) -> None:
    charge_point = await system.online()
    event = {"timestamp": "2026-11-23T10:00:00Z", "techInfo": "x" * 256}
    assert await charge_point.call(ACTION, event) == {}
    assert await shown(system) == ["Unknown"]


async def test_one_that_says_nothing_is_refused(system: System) -> None:
    charge_point = await system.online()
    answer = await charge_point.ask(ACTION, {})
    assert (answer[0], answer[2]) == (4, "OccurenceConstraintViolation")
    assert await shown(system) == []
