"""Group commit: what its two promises are worth."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import bson
import pytest
from pymongo import UpdateOne
from pymongo.errors import AutoReconnect
from pymongo.write_concern import WriteConcern

from csms import db
from csms.errors import DatabaseUnavailable
from csms.metrics import Metrics
from csms.repositories import lanes
from csms.repositories.telemetry import Telemetry

pytestmark = pytest.mark.gen_test


class Mongo:
    """Any collection of a database whose writes a test can hold up, or let fail."""

    write_concern = WriteConcern("majority", j=True)

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.free = asyncio.Event()
        self.free.set()
        self.failures = 0
        self.arrived = asyncio.Event()

    async def command(self, command: dict[str, Any]) -> dict[str, Any]:
        assert command["insert"] == "c" and not command["ordered"]
        assert command["writeConcern"] == {"w": "majority", "j": True}
        await self._written([dict(document) for document in command["documents"]])
        return {"ok": 1.0}

    def __getitem__(self, name: str) -> Mongo:
        return self

    async def bulk_write(self, operations: Sequence[Any], ordered: bool) -> None:
        assert not ordered
        await self._written(list(operations))

    async def _written(self, batch: list[Any]) -> None:
        self.arrived.set()
        await self.free.wait()
        if self.failures:
            self.failures -= 1
            raise AutoReconnect("away")
        self.batches.append(batch)


@pytest.fixture
def mongo() -> Mongo:
    return Mongo()


def telemetry_of(mongo: Mongo) -> Telemetry:
    return Telemetry(cast(db.TelemetryDatabase, mongo), Metrics(), 0)


@pytest.fixture
def telemetry(mongo: Mongo) -> Telemetry:
    return telemetry_of(mongo)


async def test_insert_returns_when_the_write_is_acknowledged(
    telemetry: Telemetry, mongo: Mongo
) -> None:
    mongo.free.clear()
    insert = asyncio.ensure_future(telemetry.insert("c", {"_id": 1}))
    await mongo.arrived.wait()
    assert not insert.done()
    mongo.free.set()
    await insert
    assert len(mongo.batches) == 1


async def test_what_arrives_meanwhile_goes_in_one_batch(telemetry: Telemetry, mongo: Mongo) -> None:
    mongo.free.clear()
    first = asyncio.ensure_future(telemetry.insert("c", {"_id": 0}))
    await mongo.arrived.wait()
    others = [asyncio.ensure_future(telemetry.insert("c", {"_id": n})) for n in range(1, 50)]
    telemetry.insert_behind("c", {"_id": 50})
    await asyncio.sleep(0)
    mongo.free.set()
    await asyncio.gather(first, *others)
    assert sorted(len(batch) for batch in mongo.batches) == [1, 50]


async def test_updates_follow_each_other(mongo: Mongo) -> None:
    telemetry = telemetry_of(mongo)
    mongo.free.clear()
    operations = [UpdateOne({"_id": 1}, {"$set": {"n": n}}) for n in range(2)]
    first = asyncio.ensure_future(telemetry.update("charge_points", operations[0]))
    await mongo.arrived.wait()
    mongo.arrived.clear()
    second = asyncio.ensure_future(telemetry.update("charge_points", operations[1]))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not mongo.arrived.is_set()
    mongo.free.set()
    await asyncio.gather(first, second)
    assert mongo.batches == [[operation] for operation in operations]


async def test_a_database_that_is_away_fails_who_waits_and_keeps_what_is_behind(
    telemetry: Telemetry, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "RETRY_BEHIND_AFTER", 0)
    mongo.failures = 2
    telemetry.insert_behind("c", {"_id": "behind"})
    with pytest.raises(DatabaseUnavailable):
        await telemetry.insert("c", {"_id": "waiting"})
    await telemetry.insert("c", {"_id": "waiting"})
    await telemetry.close()
    written = [operation for batch in mongo.batches for operation in batch]
    assert len(written) == 2
    assert {"_id": "behind"} in written and {"_id": "waiting"} in written


async def test_a_connection_that_breaks_is_noticed_by_nobody(
    telemetry: Telemetry, mongo: Mongo
) -> None:
    mongo.failures = 1
    await telemetry.insert("c", {"_id": 1})
    assert mongo.batches == [[{"_id": 1}]]


async def test_what_is_written_twice_has_one_id(telemetry: Telemetry, mongo: Mongo) -> None:
    mongo.failures = 2
    with pytest.raises(DatabaseUnavailable):
        await telemetry.insert("c", {"n": 1})
    telemetry.insert_behind("c", {"n": 2})
    await telemetry.close()
    [[document]] = mongo.batches
    assert list(document) == ["_id", "n"]


async def test_batches_are_bounded_in_bytes(
    telemetry: Telemetry, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MAX_BATCH_BYTES", 1000)
    documents = [{"_id": n, "text": "x" * size} for n, size in enumerate([400] * 5 + [2000, 400])]
    await asyncio.gather(*(telemetry.insert("c", document) for document in documents))
    # Alone a document may be as large as MongoDB takes one; a batch is one command to it.
    assert [len(batch) for batch in mongo.batches] == [2, 2, 1, 1, 1]
    for document in documents:
        telemetry.insert_behind("c", {**document, "_id": 10 + document["_id"]})
    await telemetry.close()
    assert [len(batch) for batch in mongo.batches[5:]] == [2, 2, 1, 1, 1]


async def test_what_is_behind_is_bounded_and_the_newest_stays(
    telemetry: Telemetry, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MAX_BEHIND", 3)
    for n in range(5):
        telemetry.insert_behind("c", {"_id": n})
    await telemetry.close()
    assert mongo.batches == [[{"_id": n} for n in (2, 3, 4)]]


async def test_what_is_behind_is_bounded_in_bytes(
    telemetry: Telemetry, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MAX_BEHIND_BYTES", 1000)
    for n in range(5):
        telemetry.insert_behind("c", {"_id": n, "text": "x" * 400})
    await telemetry.close()
    assert [document["_id"] for [*batch] in mongo.batches for document in batch] == [3, 4]


async def test_too_many_waiting_are_refused_at_once(
    telemetry: Telemetry, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MAX_WAITING", 1)
    mongo.free.clear()
    inserts = [asyncio.ensure_future(telemetry.insert("c", {"_id": n})) for n in range(2)]
    done, _ = await asyncio.wait(inserts, return_when=asyncio.FIRST_COMPLETED)
    assert isinstance(done.pop().exception(), DatabaseUnavailable)
    mongo.free.set()
    await inserts[0]


async def test_one_who_gives_up_waiting_harms_nobody(telemetry: Telemetry, mongo: Mongo) -> None:
    mongo.free.clear()
    inserts = [asyncio.ensure_future(telemetry.insert("c", {"_id": n})) for n in range(2)]
    await mongo.arrived.wait()
    inserts[0].cancel()
    mongo.free.set()
    await inserts[1]


async def test_a_document_that_is_there_counts_as_written(
    database: db.Database, telemetry_database: db.TelemetryDatabase
) -> None:
    telemetry = Telemetry(telemetry_database, Metrics(), 0)
    for _ in range(2):
        documents = [bson.encode({"_id": name}) for name in "ab"]
        await telemetry.insert_all("meter_values", documents)
    assert await database.meter_values.count_documents({}) == 2


async def test_one_bad_write_fails_alone(
    database: db.Database, telemetry_database: db.TelemetryDatabase
) -> None:
    telemetry = Telemetry(telemetry_database, Metrics(), 0)
    await database.charge_points.insert_one({"_id": "cp", "n": "text"})
    results = await asyncio.gather(
        telemetry.update("charge_points", UpdateOne({"_id": "cp"}, {"$inc": {"n": 1}})),
        telemetry.update("charge_points", UpdateOne({"_id": "cp"}, {"$set": {"m": 1}})),
        return_exceptions=True,
    )
    assert isinstance(results[0], RuntimeError) and results[1] is None


async def test_a_document_that_bson_cannot_hold_fails_alone(
    database: db.Database, telemetry_database: db.TelemetryDatabase
) -> None:
    telemetry = Telemetry(telemetry_database, Metrics(), 0)
    telemetry.insert_behind("heartbeats", {"_id": "behind"})
    results = await asyncio.gather(
        telemetry.insert("heartbeats", {"_id": "bad", "n": 2**70}),
        telemetry.insert("heartbeats", {"_id": "good"}),
        return_exceptions=True,
    )
    assert isinstance(results[0], OverflowError) and isinstance(results[1], int)
    await telemetry.close()
    assert await database.heartbeats.distinct("_id") == ["behind", "good"]


async def test_an_update_is_acknowledged_too(
    database: db.Database, telemetry_database: db.TelemetryDatabase
) -> None:
    telemetry = Telemetry(telemetry_database, Metrics(), 0)
    await telemetry.update("nodes", UpdateOne({"_id": 1}, {"$set": {"a": 1}}, upsert=True))
    assert await database.nodes.find_one() == {"_id": 1, "a": 1}
