"""DataTransfer: who is understood, and what is learned from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.actions.support import command, mistakes
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "DataTransfer"


async def types(charge_point: ScriptedChargePoint, data: Any) -> dict[str, Any]:
    text = data if isinstance(data, str) else json.dumps(data)
    payload = {"vendorId": "CSMS", "messageId": "ConnectorTypes", "data": text}
    return await charge_point.call(ACTION, payload)


async def connectors(system: System) -> list[tuple[int, str, str, str]]:
    record = await system.record()
    return [
        (c["connectorId"], c["type"], c["typeSource"], c["typeRaw"]) for c in record["connectors"]
    ]


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"vendorId": "nobody"}, "UnknownVendorId"),
        ({"vendorId": "nobody", "messageId": "ConnectorTypes"}, "UnknownVendorId"),
        ({"vendorId": "csms"}, "UnknownMessageId"),
        ({"vendorId": "csms", "messageId": "Dance", "data": "{}"}, "UnknownMessageId"),
    ],
)
async def test_what_is_not_known(system: System, payload: dict[str, str], status: str) -> None:
    charge_point = await system.online()
    assert await charge_point.call(ACTION, payload) == {"status": status}


async def test_connector_types_are_learned(system: System) -> None:
    charge_point = await system.online()
    assert await types(charge_point, {"2": "Type 2", "1": "CCS Combo 2 (Type 2)"}) == {
        "status": "Accepted"
    }
    assert await connectors(system) == [
        (1, "CCS_COMBO_2", "dataTransfer", "CCS Combo 2 (Type 2)"),
        (2, "TYPE_2", "dataTransfer", "Type 2"),
    ]


async def test_a_type_that_an_admin_has_set_stays(system: System) -> None:
    charge_point = await system.online()
    await types(charge_point, {"1": "Type 2"})
    path = "/admin/charge-points/CP1/connectors/1"
    await system.rest("PATCH", path, {"type": "NACS"})
    await types(charge_point, {"1": "CHAdeMO"})
    assert await connectors(system) == [(1, "NACS", "admin", "CHAdeMO")]


@pytest.mark.parametrize(
    "data",
    [
        "", "[]", "{}", "types", {"0": "Type 2"}, {"65": "Type 2"}, {"x": "y"}, {"1": 2},
        {"9" * 5000: "Type 2"},
    ],
)  # fmt: skip
async def test_types_that_cannot_be_read_are_rejected(system: System, data: Any) -> None:
    charge_point = await system.online()
    answer = await types(charge_point, data)
    assert answer["status"] == "Rejected" and answer["data"]
    assert await connectors(system) == []


async def test_to_a_charge_point_it_is_sent_as_it_is(system: System) -> None:
    charge_point = await system.online()
    asked = {"vendorId": "org.acme", "messageId": "m", "data": "สวัสดี"}
    answer = {"status": "Accepted", "data": "d"}
    assert await command(system, charge_point, ACTION, asked, answer) == asked


@pytest.mark.parametrize(
    ("payload", "field"),
    [({}, "vendorId"), ({"vendorId": "v", "data": {}}, "data"), ({"vendorId": 1}, "vendorId")],
)
async def test_mistakes(system: System, payload: dict[str, Any], field: str) -> None:
    await system.online()
    assert await mistakes(system, ACTION, payload) == [field]
