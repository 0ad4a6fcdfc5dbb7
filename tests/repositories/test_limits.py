"""What processes count together: each `SharedLimiter` here stands for one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from csms import db
from csms.domain.limiter import Limit
from csms.repositories import limits
from csms.repositories.limits import SharedLimiter

pytestmark = pytest.mark.gen_test

LIMIT = Limit("test", 3, 60.0)


async def end_window(database: db.Database) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    await database.limits.update_many({}, {"$set": {"endsAt": past}})


async def test_they_agree(database: db.Database) -> None:
    one, other = SharedLimiter(database), SharedLimiter(database)
    tallies = await asyncio.gather(*(limiter.count(LIMIT, "a") for limiter in (one, other) * 5))
    assert sorted(tally.count for tally in tallies) == list(range(1, 11))
    # One that began before the one that it had to wait for goes by an earlier time than that.
    assert all(0 < tally.left < 61 for tally in tallies)
    assert one.wait_here(LIMIT, "a") > 0 and other.wait_here(LIMIT, "a") > 0
    assert one.wait_here(LIMIT, "b") == 0
    [tally, none] = await SharedLimiter(database).tallies((LIMIT, "a"), (LIMIT, "b"))
    assert (tally.count, none.count) == (10, 0)


async def test_a_window_ends_and_another_begins(database: db.Database) -> None:
    limiter = SharedLimiter(database)
    for _ in range(3):
        await limiter.count(LIMIT, "a")
    await end_window(database)
    assert [tally.count for tally in await limiter.tallies((LIMIT, "a"))] == [0]
    assert (await limiter.count(LIMIT, "a")).count == 1


async def test_what_was_no_failure_is_taken_back(database: db.Database) -> None:
    limiter = SharedLimiter(database)
    await limiter.count(LIMIT, "a")
    await limiter.count(LIMIT, "a")
    await limiter.give_back(LIMIT, "a")
    assert (await limiter.count(LIMIT, "a")).count == 2
    await limiter.forget(LIMIT, "a")
    assert (await limiter.count(LIMIT, "a")).count == 1
    await limiter.give_back(LIMIT, "never counted")


async def test_a_flood_is_written_in_few_goes(
    database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_GATHERED", 5)
    one, other = SharedLimiter(database), SharedLimiter(database)
    writes = 0
    store = one._store_noted

    async def counted(noted: dict[str, tuple[Limit, int]]) -> None:
        nonlocal writes
        writes += 1
        await store(noted)

    monkeypatch.setattr(one, "_store_noted", counted)
    for number in range(10_000):
        one.note(LIMIT, f"key {number % 20}")
    assert one.wait_here(LIMIT, "key 19") > 0
    await one.settled()
    assert writes == 1
    assert await database.limits.count_documents({}) == 5
    # The other learns with the first failure that it sees itself.
    assert other.wait_here(LIMIT, "key 1") == 0
    other.note(LIMIT, "key 1")
    await other.settled()
    assert other.wait_here(LIMIT, "key 1") > 0


async def test_what_was_typed_is_not_stored(database: db.Database) -> None:
    await SharedLimiter(database).count(LIMIT, "my secret password")
    assert "secret" not in str(await database.limits.find().to_list(None))


async def test_they_are_forgotten(database: db.Database) -> None:
    [index] = [
        index
        for index in (await database.limits.index_information()).values()
        if index["key"] == [("endsAt", 1)]
    ]
    assert index["expireAfterSeconds"] == 0
