"""StopTransaction: taken once, its readings kept, its id tag judged."""

from __future__ import annotations

from typing import Any

import pytest

from csms.actions import start_transaction, stop_transaction
from tests.actions.support import Repaired, documents
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


async def test_a_reason_that_ocpp_does_not_list_is_kept_and_flagged(system: System) -> None:
    charge_point = await system.online()
    await stop(charge_point, await start(charge_point), reason="SOCReached")
    [stored] = await documents(system, "transactions")
    assert (stored["status"], stored["stopReason"]) == ("Completed", "SOCReached")
    assert "unknownReason" in stored["flags"]
    # A later stop with a reason of the standard's takes the flag off again.
    later = {"meterStop": 300, "timestamp": "2026-11-23T12:00:00Z", "reason": "Local"}
    await stop(charge_point, stored["_id"], **later)
    [stored] = await documents(system, "transactions")
    assert (stored["stopReason"], stored["energyWh"]) == ("Local", 200)
    assert "unknownReason" not in stored["flags"]


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


def at(minute: int, value: str, **fields: Any) -> dict[str, Any]:
    return {
        "timestamp": f"2026-11-23T10:{minute}:00Z", "sampledValue": [{"value": value, **fields}]
    }  # fmt: skip


@pytest.mark.parametrize("transaction_id", [0, -1, 2**31, 2**53 - 1])
async def test_a_stop_without_a_usable_id_ends_the_one_that_fits(
    system: System, transaction_id: int
) -> None:
    charge_point, other = await system.online("CP1"), await system.online("CP2")
    running, elsewhere = await start(charge_point), await start(other)
    for _ in range(3):
        await stop(charge_point, transaction_id, idTag="tag", transactionData=[at(30, "150")])
    stored = {one["_id"]: one for one in await documents(system, "transactions")}
    assert (stored[running]["status"], stored[running]["energyWh"]) == ("Completed", 100)
    assert stored[running]["flags"] == ["late", "matchedWithoutId"]
    assert stored[elsewhere]["status"] == "Active" and len(stored) == 2
    [reading] = await documents(system, "meter_values")
    assert (reading["transactionId"], reading["connectorId"]) == (running, 2)
    assert "matchedWithoutId" in reading["flags"]
    # Nothing else is ended by a later word of the same stop.
    later = await start(charge_point)
    await stop(charge_point, transaction_id, idTag="tag", transactionData=[at(30, "150")])
    assert later == running


@pytest.mark.parametrize("transaction_id", [None, "x", [], {"$gt": 0}, 1.5, 2**63 - 1, True])
async def test_an_attacker_ends_nothing_of_others_whatever_id_it_sends(
    system: System, transaction_id: object
) -> None:
    charge_point = await system.online("CP2")
    running = await start(charge_point)
    await system.whitelist("CP1")
    attacker = Repaired(system)
    told = {"meterStop": 200, "timestamp": "2026-11-23T11:00:00Z", "idTag": "TAG"}
    sent = told | {"transactionId": transaction_id, "connectorId": 2}
    await attacker.call(stop_transaction.INBOUND, told, sent)
    await attacker.call(stop_transaction.INBOUND, told | {"transactionId": running})
    stored = {one["_id"]: one for one in await documents(system, "transactions")}
    assert stored.pop(running)["status"] == "Active"
    assert {one["chargePointId"] for one in stored.values()} == {"CP1"}
    _, page = await system.rest("GET", "/admin/transactions?chargePointId=CP1")
    assert [one["status"] for one in page["items"]] == ["Orphaned", "Orphaned"]


async def test_an_orphan_has_the_energy_of_its_own_readings(system: System) -> None:
    charge_point = await system.online()
    data = [at(10, "1", unit="kWh", context="Transaction.Begin"), at(20, "1.2", unit="kWh")]
    for _ in range(2):
        await stop(charge_point, 4711, meterStop=4000, transactionData=data)
    [orphan] = await documents(system, "transactions")
    assert (orphan["status"], orphan["energyWh"]) == ("Orphaned", 3000)
    _, page = await system.rest("GET", f"/admin/meter-values?transactionId={orphan['_id']}")
    assert [one["reportedTransactionId"] for one in page["items"]] == [4711, 4711]


async def test_readings_sent_before_under_the_id_of_an_orphan_count(system: System) -> None:
    charge_point = await system.online()
    readings = [at(10, "1000"), at(20, "1500")]
    await charge_point.call(
        "MeterValues", {"connectorId": 1, "transactionId": 4711, "meterValue": readings}
    )
    await stop(charge_point, 4711, meterStop=4000)
    [orphan] = await documents(system, "transactions")
    assert orphan["energyWh"] == 3000


@pytest.mark.parametrize(
    ("meter_stop", "flags", "energy"),
    [
        (-1, ["late", "missingMeterStop", "energyFromLastReading"], 3200),
        (50, ["late", "meterStopBelowStart", "energyFromLastReading"], 3200),
        (99, ["late"], 0),
        (5000, ["late"], 4900),
    ],
)
async def test_the_last_reading_stands_in_for_a_register_that_cannot_be(
    system: System, meter_stop: int, flags: list[str], energy: int
) -> None:
    charge_point = await system.online()
    running = await start(charge_point)
    for value in ("2000", "3300"):
        reading = {"connectorId": 2, "transactionId": running, "meterValue": [at(30, value)]}
        await charge_point.call("MeterValues", reading)
    await stop(charge_point, running, meterStop=meter_stop)
    _, stored = await system.rest("GET", f"/admin/transactions/{running}")
    assert (stored["flags"], stored["energyWh"], stored["status"]) == (flags, energy, "Completed")
    assert stored["meterStop"] == (None if meter_stop == -1 else meter_stop)


async def test_the_reading_that_comes_with_the_stop_is_the_last(system: System) -> None:
    charge_point = await system.online()
    running = await start(charge_point)
    await stop(charge_point, running, meterStop=-1, transactionData=[at(30, "700")])
    [stored] = await documents(system, "transactions")
    assert (stored["energyWh"], stored["assumedMeterStop"]) == (600, 700)


async def test_a_stop_that_says_next_to_nothing_still_ends(system: System) -> None:
    await system.whitelist("CP1")
    charge_point = Repaired(system)
    told = {"connectorId": 1, "idTag": "TAG"}
    await charge_point.call(start_transaction.INBOUND, told, told | {"meterStart": "?"})
    data = [at(10, "10"), at(20, "30")]
    ended = {"transactionData": data}
    for _ in range(2):
        sent = ended | {"transactionId": None, "meterStop": {"a": 1}}
        assert await charge_point.call(stop_transaction.INBOUND, ended, sent) == {}
    [stored] = await documents(system, "transactions")
    assert (stored["status"], stored["energyWh"]) == ("Completed", 20)
    assert stored["flags"] == [
        "unreadableTimestamp", "unreadableMeterStart", "matchedWithoutId", "unreadableMeterStop",
        "energyFromLastReading",
    ]  # fmt: skip
    assert (stored["rawMeterStart"], stored["rawMeterStop"]) == ("?", "{'a': 1}")


async def test_a_second_later_stop_is_shown_with_the_first(system: System) -> None:
    charge_point = await system.online()
    running = await start(charge_point)
    await stop(charge_point, running, reason="Other")
    later = {"meterStop": 600, "timestamp": "2026-11-23T12:00:00Z", "reason": "EVDisconnected"}
    for _ in range(2):
        await stop(charge_point, running, **later)
    await stop(charge_point, running, reason="Other")
    _, stored = await system.rest("GET", f"/admin/transactions/{running}")
    assert (stored["energyWh"], stored["stopReason"]) == (500, "EVDisconnected")
    assert "stopCorrected" in stored["flags"]
    [earlier] = stored["earlierStops"]
    assert (earlier["meterStop"], earlier["stopReason"], earlier["energyWh"]) == (200, "Other", 100)
