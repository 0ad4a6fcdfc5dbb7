"""StopTransaction: taken once, its readings kept, its id tag judged."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import documents
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System

pytestmark = pytest.mark.gen_test

READING = {"timestamp": "2026-11-23T10:30:00Z", "sampledValue": [{"value": "150"}]}


async def start(charge_point: ScriptedChargePoint) -> int:
    payload = {
        "connectorId": 2,
        "idTag": "TAG",
        "meterStart": 100,
        "timestamp": "2026-11-23T10:00:00Z",
    }
    return int((await charge_point.call("StartTransaction", payload))["transactionId"])


async def stop(
    charge_point: ScriptedChargePoint, transaction_id: int, **fields: Any
) -> dict[str, Any]:
    payload = {
        "transactionId": transaction_id,
        "meterStop": 200,
        "timestamp": "2026-11-23T11:00:00Z",
        **fields,
    }
    return await charge_point.call("StopTransaction", payload)


async def test_readings_that_come_along_are_kept_with_the_connector(system: System) -> None:
    charge_point = await system.online()
    transaction_id = await start(charge_point)
    for _ in range(2):
        await stop(charge_point, transaction_id, transactionData=[READING], reason="EVDisconnected")
    [reading] = await documents(system, "meter_values")
    assert (reading["connectorId"], reading["transactionId"]) == (2, transaction_id)
    [stored] = await documents(system, "transactions")
    assert (stored["status"], stored["stopReason"]) == ("Completed", "EVDisconnected")
    assert stored["energyWh"] == 100


async def test_without_an_id_tag_there_is_nothing_to_say_of_one(system: System) -> None:
    charge_point = await system.online()
    assert await stop(charge_point, await start(charge_point)) == {}


async def test_the_id_tag_is_judged(system: System) -> None:
    await system.rest("POST", "/admin/id-tags", {"idTag": "Tag", "status": "Blocked"})
    charge_point = await system.online()
    answer = await stop(charge_point, await start(charge_point), idTag="TAG")
    assert answer == {"idTagInfo": {"status": "Blocked"}}


async def test_a_tag_at_its_limit_may_stop(system: System) -> None:
    await system.rest("POST", "/admin/id-tags", {"idTag": "TAG", "maxActiveTransactions": 1})
    charge_point = await system.online()
    answer = await stop(charge_point, await start(charge_point), idTag="TAG")
    assert answer == {"idTagInfo": {"status": "Accepted"}}


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ({"meterStop": 98}, "meterStopBelowStart"),
        ({"timestamp": "2026-11-23T09:00:00Z"}, "stopBeforeStart"),
        ({"timestamp": "?"}, "unreadableTimestamp"),
    ],
)
async def test_what_looks_wrong_is_flagged(
    system: System, fields: dict[str, Any], flag: str
) -> None:
    charge_point = await system.online()
    await stop(charge_point, await start(charge_point), **fields)
    [stored] = await documents(system, "transactions")
    assert flag in stored["flags"]
    assert stored["status"] == "Completed"


async def test_the_end_of_one_that_was_abandoned_is_still_taken(system: System) -> None:
    charge_point = await system.online()
    older = await start(charge_point)
    newer = {
        "connectorId": 2,
        "idTag": "TAG",
        "meterStart": 300,
        "timestamp": "2026-11-23T12:00:00Z",
    }
    await charge_point.call("StartTransaction", newer)
    await stop(charge_point, older, reason="PowerLoss")
    stored = {doc["_id"]: doc for doc in await documents(system, "transactions")}
    assert (stored[older]["status"], stored[older]["energyWh"]) == ("Completed", 100)
