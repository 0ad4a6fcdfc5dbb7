"""StartTransaction: always an id, the same for a retry; limits of id tags hold."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from csms.actions import start_transaction
from tests.actions.support import Repaired, documents
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test


def payload(connector_id: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "connectorId": connector_id,
        "idTag": "TAG",
        "meterStart": 100,
        "timestamp": "2026-11-23T10:00:00Z",
        **fields,
    }


async def start(
    charge_point: ScriptedChargePoint, connector_id: int = 1, **fields: Any
) -> tuple[int, str]:
    answer = await charge_point.call("StartTransaction", payload(connector_id, **fields))
    return answer["transactionId"], answer["idTagInfo"]["status"]


async def stop(charge_point: ScriptedChargePoint, transaction_id: int) -> None:
    told = {"transactionId": transaction_id, "meterStop": 200, "timestamp": "2026-11-23T11:00:00Z"}
    await charge_point.call("StopTransaction", told)


async def limit(system: System, active: int | None) -> None:
    body = {"idTag": "Tag", "maxActiveTransactions": active}
    assert (await system.rest("POST", "/admin/id-tags", body))[0] == 201


async def test_a_retry_gets_the_same_answer_though_the_tag_has_changed(system: System) -> None:
    await limit(system, None)
    charge_point = await system.online()
    first = await start(charge_point)
    await system.rest("PATCH", "/admin/id-tags/TAG", {"status": "Blocked"})
    assert await start(charge_point) == await start(charge_point, idTag="tag") == first
    assert len(await documents(system, "transactions")) == 1


async def test_a_retry_is_never_a_concurrent_transaction(system: System) -> None:
    await limit(system, 1)
    charge_point = await system.online()
    first = await start(charge_point)
    assert first[1] == "Accepted"
    assert await start(charge_point) == first
    assert (await start(charge_point, 2))[1] == "ConcurrentTx"


async def test_a_stop_makes_room_and_a_refused_start_takes_none(system: System) -> None:
    await limit(system, 1)
    charge_point, other = await system.online("CP1"), await system.online("CP2")
    transaction_id, _ = await start(charge_point)
    assert (await start(other))[1] == "ConcurrentTx"
    await stop(charge_point, transaction_id)
    assert (await start(other, 2))[1] == "Accepted"


async def test_of_starts_in_the_same_instant_as_many_as_may_are_accepted(system: System) -> None:
    await limit(system, 2)
    charge_points = [await system.online(f"CP{number}") for number in range(6)]
    answers = await asyncio.gather(*(start(charge_point) for charge_point in charge_points))
    assert sorted(status for _, status in answers) == ["Accepted"] * 2 + ["ConcurrentTx"] * 4
    assert len({transaction_id for transaction_id, _ in answers}) == 6


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"connectorId": 2}, "connectorId"),
        ({"idTag": "OTHER"}, "idTag"),
        ({"timestamp": "2026-11-23T10:00:01Z"}, "timestamp"),
        ({"meterStart": 101}, "meterStart"),
    ],
)
async def test_another_start_is_another_transaction(
    system: System, change: dict[str, Any], field: str
) -> None:
    charge_point = await system.online()
    first, _ = await start(charge_point)
    answer = await charge_point.call("StartTransaction", payload() | change)
    assert answer["transactionId"] != first, field


async def test_an_unreadable_time_is_replaced_and_flagged(system: System) -> None:
    charge_point = await system.online()
    transaction_id, _ = await start(charge_point, timestamp="yesterday")
    [stored] = await documents(system, "transactions")
    assert stored["_id"] == transaction_id
    assert stored["flags"] == ["unreadableTimestamp"]
    assert stored["startTimestamp"] == stored["createdAt"]


async def test_the_drivers_own_ghost_on_the_connector_never_refuses_him(system: System) -> None:
    await limit(system, 1)
    charge_point = await system.online()
    ghost, _ = await start(charge_point)
    again = await start(charge_point, meterStart=500)
    assert again[1] == "Accepted"
    stored = {one["_id"]: one["status"] for one in await documents(system, "transactions")}
    assert stored == {ghost: "Abandoned", again[0]: "Active"}
    assert (await start(charge_point, 2))[1] == "ConcurrentTx"


USELESS = "0000-00-00T00:00:00.000Z"


@pytest.mark.parametrize("stamp", [USELESS, "1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z"])
async def test_with_a_useless_clock_the_same_words_begin_a_new_session(
    system: System, stamp: str
) -> None:
    charge_point = await system.online()
    numbers = []
    for meter_stop in (7000, 9000, 9000):
        number, _ = await start(charge_point, timestamp=stamp, meterStart=0)
        # While it goes on, the same words are a retry.
        assert (await start(charge_point, timestamp=stamp, meterStart=0))[0] == number
        told = {"transactionId": number, "meterStop": meter_stop, "timestamp": stamp}
        await charge_point.call("StopTransaction", told)
        numbers.append(number)
    stored = await documents(system, "transactions")
    assert [one["_id"] for one in stored] == numbers
    assert [one["energyWh"] for one in stored] == [7000, 9000, 9000]


async def test_an_old_time_is_no_useless_one(system: System) -> None:
    charge_point = await system.online()
    number, _ = await start(charge_point)
    await stop(charge_point, number)
    assert (await start(charge_point))[0] == number
    [stored] = await documents(system, "transactions")
    assert stored["flags"] == ["late"]


async def test_a_start_without_a_tag_gets_an_id_and_invalid(system: System) -> None:
    system.central_system.services.deps.settings.unknown_id_tags = "Accepted"
    charge_point = await system.online()
    assert (await start(charge_point, idTag="A"))[1] == "Accepted"
    for id_tag in ("", " ", "\x00\x1f"):
        number, status = await start(charge_point, 2, idTag=id_tag)
        assert number > 0 and status == "Invalid"


@pytest.mark.parametrize("sent", [None, 0, -1])
async def test_a_missing_connector_is_the_only_one_there_is(
    system: System, sent: int | None
) -> None:
    await system.whitelist("CP1", connectorCount=1)
    told = payload() | {"connectorId": sent}
    await Repaired(system).call(start_transaction.INBOUND, told)
    [stored] = await documents(system, "transactions")
    assert (stored["connectorId"], stored["flags"]) == (1, ["late"])


async def test_a_missing_connector_among_more_is_flagged_and_ends_nothing(system: System) -> None:
    await system.whitelist("CP1", connectorCount=2)
    told = {name: value for name, value in payload().items() if name != "connectorId"}
    charge_point = Repaired(system)
    for meter_start in (1, 2):
        await charge_point.call(start_transaction.INBOUND, told | {"meterStart": meter_start})
    stored = await documents(system, "transactions")
    assert [one["connectorId"] for one in stored] == [None, None]
    assert [one["status"] for one in stored] == ["Active", "Active"]
    assert all("missingConnector" in one["flags"] for one in stored)


async def test_the_last_register_stands_in_for_one_that_was_not_sent(system: System) -> None:
    charge_point = await system.online()
    number, _ = await start(charge_point)
    told = {"transactionId": number, "meterStop": 5000, "timestamp": "2026-11-23T11:00:00Z"}
    await charge_point.call("StopTransaction", told)
    number, _ = await start(charge_point, meterStart=-1, timestamp="2026-11-23T12:00:00Z")
    await charge_point.call(
        "StopTransaction",
        {"transactionId": number, "meterStop": 7000, "timestamp": "2026-11-23T13:00:00Z"},
    )
    _, stored = await system.rest("GET", f"/admin/transactions/{number}")
    assert (stored["meterStart"], stored["assumedMeterStart"]) == (None, 5000)
    assert (stored["rawMeterStart"], stored["energyWh"]) == (-1, 2000)
    assert stored["flags"] == ["late", "missingMeterStart"]


async def test_the_firmware_of_the_start_is_kept(system: System) -> None:
    charge_point = await system.online(firmwareVersion="7.8")
    number, _ = await start(charge_point)
    _, stored = await system.rest("GET", f"/admin/transactions/{number}")
    assert stored["firmwareVersion"] == "7.8"


async def test_a_clock_that_is_wrong_is_counted(system: System) -> None:
    charge_point = await system.online()
    await start(charge_point, timestamp="2099-01-01T00:00:00Z")
    record = await eventually(system.record, lambda record: record.get("protocolTrouble"))
    assert record["protocolTrouble"]["skewedClock"] == 1
