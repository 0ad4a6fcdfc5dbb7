"""StatusNotification: connectors and the whole."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.system import System

pytestmark = pytest.mark.gen_test


def told(connector_id: int, status: str = "Available", **fields: Any) -> dict[str, Any]:
    return {"connectorId": connector_id, "status": status, "errorCode": "NoError", **fields}


async def test_a_connector_nobody_knew_is_created_in_its_place(system: System) -> None:
    charge_point = await system.online()
    for connector_id in (3, 1, 2, 1):
        await charge_point.call("StatusNotification", told(connector_id))
    record = await system.record()
    assert [c["connectorId"] for c in record["connectors"]] == [1, 2, 3]
    assert {c["type"] for c in record["connectors"]} == {"UNKNOWN"}


async def test_connector_0_is_the_whole(system: System) -> None:
    charge_point = await system.online()
    await charge_point.call("StatusNotification", told(0, "Unavailable"))
    record = await system.record()
    assert record["status"] == "Unavailable"
    assert record["connectors"] == []


async def test_a_fault_that_is_over_leaves_nothing_behind(system: System) -> None:
    charge_point = await system.online()
    fault = told(1, "Faulted", info="wet", vendorErrorCode="E7") | {"errorCode": "GroundFailure"}
    await charge_point.call("StatusNotification", fault)
    [connector] = (await system.record())["connectors"]
    assert (connector["errorCode"], connector["info"]) == ("GroundFailure", "wet")
    await charge_point.call("StatusNotification", told(1))
    [connector] = (await system.record())["connectors"]
    assert (connector["errorCode"], connector["info"]) == ("NoError", None)
    assert connector["vendorErrorCode"] is None


async def test_the_time_is_that_of_the_charge_point(system: System) -> None:
    charge_point = await system.online()
    await charge_point.call("StatusNotification", told(1, timestamp="2026-01-01T07:00:00+07:00"))
    [connector] = (await system.record())["connectors"]
    assert connector["statusTimestamp"].isoformat() == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (told(-1), "PropertyConstraintViolation"),
        ({"connectorId": 1, "errorCode": "NoError"}, "OccurenceConstraintViolation"),
    ],
)
async def test_mistakes(system: System, payload: dict[str, Any], code: str) -> None:
    charge_point = await system.online()
    assert (await charge_point.ask("StatusNotification", payload))[2] == code
    assert (await system.record())["connectors"] == []


async def test_what_is_a_little_off_is_kept_as_it_was_sent(system: System) -> None:
    charge_point = await system.online()
    odd = {"connectorId": "1", "status": "Dancing", "errorCode": "Error", "vendorErrorCode": 17}
    assert await charge_point.call("StatusNotification", odd) == {}
    [connector] = (await system.record())["connectors"]
    assert connector["connectorId"] == 1
    assert (connector["status"], connector["errorCode"]) == ("Dancing", "Error")
    assert connector["vendorErrorCode"] == "17"


async def test_without_a_connector_it_is_the_charge_point_as_a_whole(system: System) -> None:
    charge_point = await system.online()
    assert await charge_point.call("StatusNotification", {"status": "Unavailable"}) == {}
    record = await system.record()
    assert (record["status"], record["errorCode"], record["connectors"]) == (
        "Unavailable", "NoError", [],
    )  # fmt: skip
