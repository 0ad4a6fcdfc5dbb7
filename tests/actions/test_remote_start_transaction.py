"""RemoteStartTransaction: sent as asked, and linked to what it led to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from csms.domain.times import rfc3339
from tests.actions.support import command, documents, mistakes
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "RemoteStartTransaction"
ACCEPTED = {"status": "Accepted"}
PROFILE = {
    "chargingProfileId": 1,
    "transactionId": 7,
    "stackLevel": -1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": []},
}


async def start(charge_point: ScriptedChargePoint, id_tag: str, connector_id: int = 1) -> int:
    payload = {
        "connectorId": connector_id,
        "idTag": id_tag,
        "meterStart": 0,
        "timestamp": rfc3339(datetime.now(UTC)),
    }
    return int((await charge_point.call("StartTransaction", payload))["transactionId"])


async def test_without_a_connector_any_start_of_the_tag_is_its_own(system: System) -> None:
    charge_point = await system.online()
    assert await command(system, charge_point, ACTION, {"idTag": "tag1"}, ACCEPTED) == {
        "idTag": "tag1"
    }
    other = await start(charge_point, "TAG2", 1)
    own = await start(charge_point, "TAG1", 2)
    [sent] = await documents(system, "commands")
    assert sent["transactionId"] == own
    transactions = {doc["_id"]: doc for doc in await documents(system, "transactions")}
    assert transactions[own]["commandId"] == str(sent["_id"])
    assert transactions[other].get("commandId") is None


async def test_it_leads_to_one_transaction_at_most(system: System) -> None:
    charge_point = await system.online()
    await command(system, charge_point, ACTION, {"idTag": "T", "connectorId": 1}, ACCEPTED)
    first = await start(charge_point, "T", 1)
    await start(charge_point, "T", 2)
    [sent] = await documents(system, "commands")
    assert sent["transactionId"] == first


async def test_another_connector_is_not_meant(system: System) -> None:
    charge_point = await system.online()
    await command(system, charge_point, ACTION, {"idTag": "T", "connectorId": 2}, ACCEPTED)
    await start(charge_point, "T", 1)
    [sent] = await documents(system, "commands")
    assert sent.get("transactionId") is None


@pytest.mark.parametrize(
    ("payload", "fields"),
    [
        ({}, ["idTag"]),
        ({"idTag": "x" * 21}, ["idTag"]),
        ({"idTag": 5}, ["idTag"]),
        ({"idTag": "T", "connectorId": True}, ["connectorId"]),
        (
            {"idTag": "T", "chargingProfile": PROFILE | {"validTo": "never"}},
            ["chargingProfile.validTo"],
        ),
        ({"idTag": "T", "colour": "red"}, ["colour"]),
    ],
)
async def test_mistakes(system: System, payload: dict[str, Any], fields: list[str]) -> None:
    await system.online()
    assert await mistakes(system, ACTION, payload) == fields


async def test_what_the_charge_point_can_judge_is_sent(system: System) -> None:
    charge_point = await system.online()
    asked = {"idTag": "T", "connectorId": 0, "chargingProfile": PROFILE}
    assert await command(system, charge_point, ACTION, asked, {"status": "Rejected"}) == asked


async def test_two_at_once_are_asked_one_after_the_other(system: System) -> None:
    charge_point = await system.online()
    path = "/admin/charge-points/CP1/remote-start"
    asked = [
        asyncio.ensure_future(system.rest("POST", path, {"idTag": "T", "connectorId": number}))
        for number in (1, 2)
    ]
    for _ in asked:
        unique_id, _ = await charge_point.expect(ACTION)
        assert charge_point.waiting_calls == 0
        charge_point.reply(unique_id, ACCEPTED)
    assert [status for status, _ in await asyncio.gather(*asked)] == [200, 200]
