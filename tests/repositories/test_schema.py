"""Migrations: once, under a lease, on one node of several."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs
from tornado.ioloop import IOLoop

from csms import db
from csms.repositories.migrations import MIGRATIONS
from csms.repositories.migrations.migration import Migration
from csms.repositories.schema import Schema, SchemaTooNew
from tests.support import PATIENCE
from tests.support.system import eventually

pytestmark = pytest.mark.gen_test

SHORT = 0.6
"""Seconds of a lease that is to run out."""


class Counting:
    """A migration that counts its runs, and ends when a test lets it."""

    def __init__(self, name: str = "001_test", version: int = 1) -> None:
        self.runs = 0
        self.ended = 0
        self.may_end = asyncio.Event()
        self.migration = Migration(name, version, "test", self.run)

    async def run(self, _: db.Database) -> int:
        self.runs += 1
        await self.may_end.wait()
        self.ended += 1
        return 7


@pytest.fixture
def database(io_loop: IOLoop, database: db.Database) -> Iterator[db.Database]:
    """A database without a schema version; the other tests make it anew."""
    io_loop.run_sync(lambda: database.schema.delete_many({}))
    yield database
    io_loop.run_sync(lambda: database.schema.delete_many({}))


async def test_it_runs_once_and_is_recorded(database: db.Database) -> None:
    counting = Counting()
    counting.may_end.set()
    for node_id in ("one", "two"):
        await Schema(database, node_id, [counting.migration]).migrate()
    assert counting.runs == 1
    record = await database.schema.find_one({"_id": "001_test"})
    assert record is not None and record.pop("finishedAt") and record.pop("seconds") >= 0
    assert record == {
        "_id": "001_test", "version": 1, "purpose": "test", "changed": 7, "nodeId": "one"
    }  # fmt: skip
    assert await database.schema.find_one({"_id": "schema"}) == {"_id": "schema", "version": 1}


async def test_another_node_waits_until_it_is_done(database: db.Database) -> None:
    counting = Counting()
    first = asyncio.create_task(Schema(database, "one", [counting.migration]).migrate())
    await eventually(lambda: _value(counting.runs), bool)
    second = asyncio.create_task(Schema(database, "two", [counting.migration]).migrate())
    with capture_logs() as logs:
        await eventually(lambda: _value(len(logs)), bool)
    assert [entry["event"] for entry in logs] == ["waiting_for_migration"]
    assert counting.runs == 1 and not first.done() and not second.done()
    counting.may_end.set()
    await asyncio.wait_for(asyncio.gather(first, second), PATIENCE)
    assert counting.runs == counting.ended == 1


async def test_a_node_that_died_is_replaced_when_its_lease_has_run_out(
    database: db.Database,
) -> None:
    counting = Counting()
    counting.may_end.set()
    lease = {"holder": "dead", "nodeId": "dead", "until": {"$add": ["$$NOW", SHORT * 1000]}}
    await database.schema.insert_one({"_id": "schema", "version": 0})
    await database.schema.update_one({"_id": "schema"}, [{"$set": {"lease": lease}}])
    schema = Schema(database, "next", [counting.migration], SHORT)
    await asyncio.wait_for(schema.migrate(), PATIENCE)
    assert counting.runs == 1
    ran = await database.schema.find_one({"_id": "001_test", "nodeId": "next"})
    held = await database.schema.find_one({"_id": "schema", "lease": {"$exists": True}})
    assert ran is not None and held is None


async def test_a_long_migration_keeps_its_lease(database: db.Database) -> None:
    counting = Counting()
    task = asyncio.create_task(Schema(database, "one", [counting.migration], SHORT).migrate())
    first = await eventually(lambda: _lease(database), bool)
    assert first is not None
    renewed = await eventually(lambda: _lease(database), lambda lease: lease != first)
    assert renewed is not None and renewed["holder"] == first["holder"]
    counting.may_end.set()
    await asyncio.wait_for(task, PATIENCE)
    assert counting.runs == 1


async def test_a_node_that_has_lost_its_lease_stops(database: db.Database) -> None:
    counting = Counting()
    task = asyncio.create_task(Schema(database, "slow", [counting.migration], SHORT).migrate())
    await eventually(lambda: _value(counting.runs), bool)
    # It stood still for so long that another has taken over, and has done it.
    lease = {"holder": "other", "nodeId": "other", "until": {"$add": ["$$NOW", 60_000]}}
    await database.schema.update_one({"_id": "schema"}, [{"$set": {"lease": lease}}])
    await database.schema.insert_one({"_id": "001_test", "version": 1})
    await database.schema.update_one({"_id": "schema"}, {"$set": {"version": 1}})
    await asyncio.wait_for(task, PATIENCE)
    assert counting.runs == 1 and counting.ended == 0


async def test_what_failed_is_tried_again_and_what_was_done_is_not(database: db.Database) -> None:
    async def fail(_: db.Database) -> int:
        raise RuntimeError("not today")

    done, again = Counting("001_done"), Counting("002_again", 2)
    done.may_end.set()
    again.may_end.set()
    failing = Migration("002_again", 2, "test", fail)
    with pytest.raises(RuntimeError):
        await Schema(database, "one", [done.migration, failing]).migrate()
    state = await Schema(database, "", [done.migration, failing]).state()
    assert [one.name for one in state.pending] == ["002_again"] and state.version == 0
    await Schema(database, "two", [done.migration, again.migration]).migrate()
    assert (done.runs, again.runs) == (1, 1)
    assert not (await Schema(database, "", [done.migration, again.migration]).state()).is_behind


@pytest.mark.parametrize(("version", "fits"), [(0, True), (1, True), (2, True), (3, False)])
async def test_only_neighbouring_versions_work_together(
    database: db.Database, version: int, fits: bool
) -> None:
    schema = Schema(database, "", [Counting().migration])
    if version:
        await database.schema.insert_one({"_id": "schema", "version": version})
    if fits:
        await schema.check()
    else:
        with pytest.raises(SchemaTooNew, match="schema version 3; this csms knows version 1"):
            await schema.check()


async def test_the_migrations_have_names_and_versions_in_order() -> None:
    names = [migration.name for migration in MIGRATIONS]
    versions = [migration.version for migration in MIGRATIONS]
    assert names == sorted(set(names)) and versions == sorted(versions)
    assert [int(name.partition("_")[0]) for name in names] == list(range(1, len(names) + 1))


async def _value(value: int) -> int:
    return value


async def _lease(database: db.Database) -> dict[str, object] | None:
    state = await database.schema.find_one({"_id": "schema"})
    lease: dict[str, object] | None = (state or {}).get("lease")
    return lease
