"""StartTransaction: always an id, the same for a retry; limits of id tags hold."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.actions.support import documents
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System

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
