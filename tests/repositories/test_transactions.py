"""Transactions: each start and stop taken once, whatever the order and the number of tries."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from csms import db
from csms.domain.id_tag import IdTagInfo
from csms.domain.transaction_start import Start
from csms.domain.transaction_stop import Stop
from csms.errors import InvalidInput, NotFound
from csms.repositories.stops import Stops
from csms.repositories.transactions import MAX_ACTIVE, Transactions
from tests.repositories.conftest import START, Clock

pytestmark = pytest.mark.gen_test

ACCEPTED = IdTagInfo("Accepted")


@pytest.fixture
def transactions(memory: db.Database) -> Transactions:
    return Transactions(memory)


def start(charge_point_id: str = "CP1", **changes: Any) -> Start:
    payload = {
        "connectorId": 1,
        "idTag": "TAG",
        "meterStart": 100,
        "timestamp": "2026-05-01T12:00:00Z",
        **changes,
    }
    return Start.of(charge_point_id, charge_point_id, payload, START)


def stop(transaction_id: int, charge_point_id: str = "CP1", **changes: Any) -> Stop:
    payload = {
        "transactionId": transaction_id,
        "meterStop": 350,
        "timestamp": "2026-05-01T13:00:00Z",
        **changes,
    }
    return Stop.of(charge_point_id, charge_point_id, payload, START)


async def end(transactions: Transactions, sent: Stop) -> dict[str, Any]:
    return (await Stops(transactions).stop(sent, START)).transaction


@pytest.mark.parametrize("again", [{}, {"idTag": "tag"}, {"idTag": " Tag "}])
async def test_a_retry_is_the_same_transaction(
    transactions: Transactions, again: dict[str, Any]
) -> None:
    first = await transactions.start(start(), IdTagInfo("Blocked"), START)
    second = await transactions.start(start(**again), ACCEPTED, START)
    assert second["_id"] == first["_id"] > 0
    assert second["authorizationStatus"] == "Blocked"


@pytest.mark.parametrize(
    "other",
    [
        {"connectorId": 2},
        {"idTag": "OTHER"},
        {"meterStart": 101},
        {"timestamp": "2026-05-01T12:00:01Z"},
    ],
)
async def test_anything_else_is_another_one(
    transactions: Transactions, other: dict[str, Any]
) -> None:
    first = await transactions.start(start(), ACCEPTED, START)
    second = await transactions.start(start(**other), ACCEPTED, START)
    third = await transactions.start(start("CP2"), ACCEPTED, START)
    assert len({first["_id"], second["_id"], third["_id"]}) == 3


async def test_ids_are_never_given_twice_by_two_nodes(memory: db.Database) -> None:
    nodes = [Transactions(memory), Transactions(memory)]
    started = await asyncio.gather(
        *(nodes[n % 2].start(start(meterStart=n), ACCEPTED, START) for n in range(120))
    )
    assert len({document["_id"] for document in started}) == 120


async def test_a_stop_counts_once(transactions: Transactions) -> None:
    started = await transactions.start(start(), ACCEPTED, START)
    stopped = await end(transactions, stop(started["_id"], reason="Local"))
    assert (stopped["status"], stopped["energyWh"]) == ("Completed", 250)
    again = await end(transactions, stop(started["_id"], meterStop=999))
    assert (again["meterStop"], again["stopReason"]) == (350, "Local")


async def test_a_stop_of_another_charge_point_is_an_orphan(transactions: Transactions) -> None:
    started = await transactions.start(start(), ACCEPTED, START)
    orphan = await end(transactions, stop(started["_id"], "CP2"))
    assert (orphan["status"], orphan["reportedTransactionId"]) == ("Orphaned", started["_id"])
    assert orphan["_id"] != started["_id"]
    assert (await transactions.get(started["_id"]))["status"] == "Active"
    # Nor may the orphan's own number be stopped by anyone.
    again = await end(transactions, stop(started["_id"], "CP2"))
    assert again["_id"] == orphan["_id"]


@pytest.mark.parametrize("transaction_id", [-1, 0, 4711])
async def test_a_stop_of_nothing_known_is_kept_once(
    transactions: Transactions, transaction_id: int
) -> None:
    for _ in range(3):
        orphan = await end(transactions, stop(transaction_id))
        assert "unknownTransaction" in orphan["flags"]
    assert await transactions.collection.count_documents({}) == 1


async def test_a_meter_that_ran_backwards_is_flagged(transactions: Transactions) -> None:
    started = await transactions.start(start(), ACCEPTED, START)
    stopped = await end(
        transactions, stop(started["_id"], meterStop=5, timestamp="2026-05-01T11:00:00Z")
    )
    assert stopped["energyWh"] is None
    assert {"meterStopBelowStart", "stopBeforeStart"} <= set(stopped["flags"])


async def test_a_new_start_ends_the_older_of_its_connector(
    transactions: Transactions, clock: Clock
) -> None:
    older = await transactions.start(start(), ACCEPTED, clock())
    elsewhere = await transactions.start(start(connectorId=2), ACCEPTED, clock())
    clock.advance(hours=1)
    newer = await transactions.start(start(meterStart=200), ACCEPTED, clock())
    statuses = {
        document["_id"]: document["status"] async for document in transactions.collection.find()
    }
    assert statuses == {
        older["_id"]: "Abandoned",
        elsewhere["_id"]: "Active",
        newer["_id"]: "Active",
    }
    # Its stop may still come, late: then it is what counts.
    stopped = await end(transactions, stop(older["_id"]))
    assert (stopped["status"], stopped["energyWh"]) == ("Completed", 250)


async def test_a_late_retry_of_an_old_start_ends_nothing(
    transactions: Transactions, clock: Clock
) -> None:
    await transactions.start(start(), ACCEPTED, clock())
    clock.advance(hours=1)
    newer = await transactions.start(start(meterStart=200), ACCEPTED, clock())
    clock.advance(hours=1)
    await transactions.start(start(), ACCEPTED, clock())
    assert (await transactions.get(newer["_id"]))["status"] == "Active"


async def test_one_that_is_delivered_after_what_began_later_ends_nothing(
    transactions: Transactions,
) -> None:
    """Some charge points send what they kept while they were off line after what is new."""
    live = await transactions.start(start(timestamp="2026-05-01T11:59:00Z"), ACCEPTED, START)
    kept = start(idTag="Other", timestamp="2026-05-01T09:00:00Z")
    queued = await transactions.start(kept, ACCEPTED, START)
    assert [(await transactions.get(one["_id"]))["status"] for one in (live, queued)] == [
        "Active", "Active",
    ]  # fmt: skip
    await transactions.start(start(timestamp="2026-05-01T12:00:00Z"), ACCEPTED, START)
    assert [(await transactions.get(one["_id"]))["status"] for one in (live, queued)] == [
        "Abandoned", "Abandoned",
    ]  # fmt: skip


async def test_closing_takes_the_last_register_known(
    transactions: Transactions, memory: db.Database
) -> None:
    started = await transactions.start(start(), ACCEPTED, START)
    sample = {"measurand": "Energy.Active.Import.Register", "phase": None, "value": 180.0}
    await memory.meter_values.insert_one(
        {
            "chargePointId": "CP1",
            "transactionId": started["_id"],
            "timestamp": START,
            "receivedAt": START,
            "sampledValue": [sample],
        }
    )
    ended = await transactions.close(started["_id"], "Ann", START)
    assert (ended["status"], ended["energyWh"], ended["closedBy"]) == ("Closed", 80.0, "Ann")
    with pytest.raises(InvalidInput, match="transactionId"):
        await transactions.close(started["_id"], "Ann", START)
    with pytest.raises(NotFound):
        await transactions.close(999_999, "Ann", START)


async def test_running_transactions_are_counted_without_case(transactions: Transactions) -> None:
    for number, id_tag in enumerate(("tag", "TAG", "other"), start=1):
        await transactions.start(start(idTag=id_tag, connectorId=number), ACCEPTED, START)
    assert await transactions.count_active("Tag") == 2


async def test_who_has_many_active_ones_hides_none_of_another(transactions: Transactions) -> None:
    document = (await transactions.start(start("CP2"), ACCEPTED, START)) | {"status": "Active"}
    await transactions.collection.insert_many(
        {**document, "_id": 1000 + n, "chargePointId": "CP1", "connectorId": n, "startKey": str(n)}
        for n in range(3 * MAX_ACTIVE)
    )
    many, own = await asyncio.gather(transactions.active_of("CP1"), transactions.active_of("CP2"))
    assert [one["_id"] for one in own] == [document["_id"]]
    assert len(many) == MAX_ACTIVE and {one["chargePointId"] for one in many} == {"CP1"}
