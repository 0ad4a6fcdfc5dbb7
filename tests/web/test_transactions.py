"""`/admin/transactions`: the filters of the list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.system import System

pytestmark = pytest.mark.gen_test

PATH = "/admin/transactions"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def store(system: System, number: int, status: str, *flags: str, **fields: Any) -> None:
    """A transaction that began `number` hours after noon."""
    document = {
        "_id": number,
        "chargePointId": "CP1",
        "startKey": str(number),
        "startTimestamp": NOON + timedelta(hours=number),
        "stopTimestamp": None,
        "status": status,
        "flags": list(flags),
        **fields,
    }
    await system.database.transactions.insert_one(document)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [4, 3, 2, 1]),
        ("status=Active", [4]),
        ("status=Completed", [2, 1]),
        ("status=Active&active=true", [4]),
        ("status=Active&active=false", []),
        ("active=false", [3, 2, 1]),
        ("flag=late", [3, 2]),
        ("flag=late&status=Completed", [2]),
        ("flag=never", []),
        ("stoppedFrom=2026-05-02T00:00:00Z", [2, 1]),
        ("stoppedFrom=2026-05-02T00:00:00Z&stoppedTo=2026-05-03T00:00:00Z", [1]),
        ("stoppedTo=2026-05-02T00:00:00Z", [3]),
        ("stoppedTo=2026-05-02T07:00:00+07:00", [3]),
        ("flag=late&limit=1", [3]),
    ],
)
async def test_what_is_found(system: System, query: str, numbers: list[int]) -> None:
    await store(system, 1, "Completed", stopTimestamp=datetime(2026, 5, 2, tzinfo=UTC))
    await store(system, 2, "Completed", "clockSkew", "late",
                stopTimestamp=datetime(2026, 5, 3, tzinfo=UTC))  # fmt: skip
    await store(system, 3, "Abandoned", "late", stopTimestamp=NOON + timedelta(hours=9))
    await store(system, 4, "Active")
    status, page = await system.rest("GET", f"{PATH}?{query}")
    assert (status, [one["transactionId"] for one in page["items"]]) == (200, numbers)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=active", "status"),
        ("status=", "status"),
        ("flag=", "flag"),
        ("flag=%24where", "flag"),
        ("flag[$ne]=late", "flag[$ne]"),
        ("stoppedFrom=yesterday", "stoppedFrom"),
        ("stoppedTo=0001-01-01T00:00:00%2B14:00", "stoppedTo"),
    ],
)
async def test_a_bad_filter_is_named(system: System, query: str, field: str) -> None:
    status, problem = await system.rest("GET", f"{PATH}?{query}")
    assert (status, [error["field"] for error in problem["errors"]]) == (422, [field])


async def test_an_id_of_thousands_of_digits_is_that_of_no_transaction(system: System) -> None:
    for number in ("9" * 5_000, "0" * 5_000 + "1"):
        assert (await system.rest("GET", f"/admin/transactions/{number}"))[0] == 404
