"""Group commit: what its two promises are worth."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from pymongo import InsertOne, UpdateOne
from pymongo.errors import AutoReconnect

from csms import db
from csms.errors import DatabaseUnavailable
from csms.metrics import Metrics
from csms.repositories import telemetry as module
from csms.repositories.telemetry import Telemetry

pytestmark = pytest.mark.gen_test


class Collection:
    """A collection whose writes a test can hold up, or let fail."""

    name = "c"

    def __init__(self) -> None:
        self.batches: list[Sequence[Any]] = []
        self.free = asyncio.Event()
        self.free.set()
        self.failures = 0
        self.arrived = asyncio.Event()

    async def bulk_write(self, operations: Sequence[Any], ordered: bool) -> None:
        assert not ordered
        self.arrived.set()
        await self.free.wait()
        if self.failures:
            self.failures -= 1
            raise AutoReconnect("away")
        self.batches.append(operations)


@pytest.fixture
def collection() -> Collection:
    return Collection()


@pytest.fixture
def telemetry(collection: Collection) -> Telemetry:
    return Telemetry(cast(db.Database, {"c": collection}), Metrics(), 0)


async def test_insert_returns_when_the_write_is_acknowledged(
    telemetry: Telemetry, collection: Collection
) -> None:
    collection.free.clear()
    insert = asyncio.ensure_future(telemetry.insert("c", {"_id": 1}))
    await collection.arrived.wait()
    assert not insert.done()
    collection.free.set()
    await insert
    assert len(collection.batches) == 1


async def test_what_arrives_meanwhile_goes_in_one_batch(
    telemetry: Telemetry, collection: Collection
) -> None:
    collection.free.clear()
    first = asyncio.ensure_future(telemetry.insert("c", {"_id": 0}))
    await collection.arrived.wait()
    others = [asyncio.ensure_future(telemetry.insert("c", {"_id": n})) for n in range(1, 50)]
    telemetry.insert_behind("c", {"_id": 50})
    await asyncio.sleep(0)
    collection.free.set()
    await asyncio.gather(first, *others)
    assert sorted(len(batch) for batch in collection.batches) == [1, 50]


async def test_updates_follow_each_other(collection: Collection) -> None:
    telemetry = Telemetry(cast(db.Database, {"charge_points": collection}), Metrics(), 0)
    collection.free.clear()
    operations = [UpdateOne({"_id": 1}, {"$set": {"n": n}}) for n in range(2)]
    first = asyncio.ensure_future(telemetry.update("charge_points", operations[0]))
    await collection.arrived.wait()
    collection.arrived.clear()
    second = asyncio.ensure_future(telemetry.update("charge_points", operations[1]))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not collection.arrived.is_set()
    collection.free.set()
    await asyncio.gather(first, second)
    assert collection.batches == [[operation] for operation in operations]


async def test_a_database_that_is_away_fails_who_waits_and_keeps_what_is_behind(
    telemetry: Telemetry, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_BEHIND_AFTER", 0)
    collection.failures = 1
    telemetry.insert_behind("c", {"_id": "behind"})
    with pytest.raises(DatabaseUnavailable):
        await telemetry.insert("c", {"_id": "waiting"})
    await telemetry.insert("c", {"_id": "waiting"})
    await telemetry.close()
    written = [operation for batch in collection.batches for operation in batch]
    assert len(written) == 2
    assert InsertOne({"_id": "behind"}) in written and InsertOne({"_id": "waiting"}) in written


async def test_what_is_behind_is_bounded_and_the_newest_stays(
    telemetry: Telemetry, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BEHIND", 3)
    for n in range(5):
        telemetry.insert_behind("c", {"_id": n})
    await telemetry.close()
    assert collection.batches == [[InsertOne({"_id": n}) for n in (2, 3, 4)]]


async def test_too_many_waiting_are_refused_at_once(
    telemetry: Telemetry, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 1)
    collection.free.clear()
    inserts = [asyncio.ensure_future(telemetry.insert("c", {"_id": n})) for n in range(2)]
    done, _ = await asyncio.wait(inserts, return_when=asyncio.FIRST_COMPLETED)
    assert isinstance(done.pop().exception(), DatabaseUnavailable)
    collection.free.set()
    await inserts[0]


async def test_one_who_gives_up_waiting_harms_nobody(
    telemetry: Telemetry, collection: Collection
) -> None:
    collection.free.clear()
    inserts = [asyncio.ensure_future(telemetry.insert("c", {"_id": n})) for n in range(2)]
    await collection.arrived.wait()
    inserts[0].cancel()
    collection.free.set()
    await inserts[1]


async def test_a_document_that_is_there_counts_as_written(database: db.Database) -> None:
    telemetry = Telemetry(database, Metrics(), 0)
    for _ in range(2):
        await telemetry.insert_all("meter_values", [{"_id": "a"}, {"_id": "b"}])
    assert await database.meter_values.count_documents({}) == 2


async def test_one_bad_write_fails_alone(database: db.Database) -> None:
    telemetry = Telemetry(database, Metrics(), 0)
    await database.charge_points.insert_one({"_id": "cp", "n": "text"})
    results = await asyncio.gather(
        telemetry.update("charge_points", UpdateOne({"_id": "cp"}, {"$inc": {"n": 1}})),
        telemetry.update("charge_points", UpdateOne({"_id": "cp"}, {"$set": {"m": 1}})),
        return_exceptions=True,
    )
    assert isinstance(results[0], RuntimeError) and results[1] is None


async def test_a_document_that_bson_cannot_hold_fails_alone(database: db.Database) -> None:
    telemetry = Telemetry(database, Metrics(), 0)
    telemetry.insert_behind("heartbeats", {"_id": "behind"})
    results = await asyncio.gather(
        telemetry.insert("heartbeats", {"_id": "bad", "n": 2**70}),
        telemetry.insert("heartbeats", {"_id": "good"}),
        return_exceptions=True,
    )
    assert isinstance(results[0], OverflowError) and results[1] is None
    await telemetry.close()
    assert await database.heartbeats.distinct("_id") == ["behind", "good"]


async def test_an_update_is_acknowledged_too(database: db.Database) -> None:
    telemetry = Telemetry(database, Metrics(), 0)
    await telemetry.update("nodes", UpdateOne({"_id": 1}, {"$set": {"a": 1}}, upsert=True))
    assert await database.nodes.find_one() == {"_id": 1, "a": 1}
