"""Transactions that were left behind: no longer counted, and closed once when stale."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from csms import db
from csms.domain.id_tag import IdTagInfo
from csms.domain.transaction_start import Start
from csms.repositories.left_behind import LeftBehind
from csms.repositories.transactions import Transactions
from tests.repositories.conftest import START

pytestmark = pytest.mark.gen_test

TWELVE_HOURS = timedelta(hours=12)


@pytest.fixture
def transactions(memory: db.Database) -> Transactions:
    return Transactions(memory)


async def begin(transactions: Transactions, connector_id: int = 1, **fields: Any) -> int:
    payload = {
        "connectorId": connector_id, "idTag": "TAG", "meterStart": 100,
        "timestamp": "2026-05-01T12:00:00Z",
    }  # fmt: skip
    start = Start.of("CP1", "CP1", payload, START)
    number = int((await transactions.start(start, IdTagInfo("Accepted"), START))["_id"])
    if fields:
        await transactions.collection.update_one({"_id": number}, {"$set": fields})
    return number


async def test_it_is_flagged_once_and_not_counted(transactions: Transactions) -> None:
    number = await begin(transactions)
    left_behind = LeftBehind(transactions)
    assert await transactions.count_active("tag") == 1
    assert await left_behind.flag(number, START)
    assert not await left_behind.flag(number, START + TWELVE_HOURS)
    assert await transactions.count_active("tag") == 0
    assert (await transactions.get(number))["leftBehindAt"] == START
    await left_behind.unflag(number)
    assert await transactions.count_active("tag") == 1


async def test_what_runs_on_the_connector_that_starts_is_not_counted(
    transactions: Transactions,
) -> None:
    await begin(transactions)
    assert await transactions.count_active("TAG", "CP1", 1) == 0
    assert await transactions.count_active("TAG", "CP1", 2) == 1
    assert await transactions.count_active("TAG", "CP2", 1) == 1
    assert await transactions.count_active("TAG", "CP1", None) == 1


@pytest.mark.parametrize(
    ("hours", "fields", "is_stale"),
    [
        (12, {}, True),
        (11.9, {}, False),
        (12, {"lastReadingAt": START}, True),
        (12, {"lastReadingAt": START + timedelta(minutes=1)}, False),
        # A clock that runs ahead must not keep it open for ever.
        (12, {"lastReadingAt": START + timedelta(days=99)}, True),
    ],
)
async def test_it_is_closed_after_hours_without_a_reading(
    transactions: Transactions, hours: float, fields: dict[str, Any], is_stale: bool
) -> None:
    left_behind = LeftBehind(transactions)
    forgotten = await begin(transactions, lastMeter=180.0, **fields)
    await begin(transactions, 2)
    await left_behind.flag(forgotten, START)
    now = START + timedelta(hours=hours)
    rounds = await asyncio.gather(*(left_behind.close_stale(TWELVE_HOURS, now) for _ in range(3)))
    assert sum(map(len, rounds)) == is_stale
    one = await transactions.get(forgotten)
    if is_stale:
        assert (one["status"], one["energyWh"], one["stopTimestamp"]) == ("Abandoned", 80, START)
        assert one["flags"] == ["leftBehind", "abandoned"]
    assert await transactions.collection.count_documents({"status": "Active"}) == 2 - is_stale


async def test_one_that_cannot_be_closed_keeps_no_other_open(transactions: Transactions) -> None:
    at = START - timedelta(hours=20)
    flags = {"flags": ["leftBehind"], "leftBehindAt": at}
    odd = await begin(transactions, 1, **flags, lastMeter="not a number")
    other = await begin(transactions, 2, **{**flags, "leftBehindAt": at + timedelta(hours=1)})
    closed = await LeftBehind(transactions).close_stale(TWELVE_HOURS, START)
    assert [one["_id"] for one in closed] == [other]
    assert (await transactions.get(odd))["status"] == "Active"
