"""The database: sizes and indexes, made once and safe to make again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pymongo.errors import OperationFailure, PyMongoError, WriteConcernError, WTimeoutError
from tornado.ioloop import IOLoop

from csms import db
from csms.config import Settings
from csms.errors import DatabaseUnavailable, Duplicate

pytestmark = pytest.mark.gen_test


@pytest.fixture
def database(io_loop: IOLoop, database: db.Database, settings: Settings) -> Iterator[db.Database]:
    """A database that no other test has touched."""
    client = database.client
    fresh = client["csms_test_db"]
    io_loop.run_sync(lambda: db.prepare(fresh, settings))
    yield fresh
    io_loop.run_sync(lambda: client.drop_database(fresh.name))


async def test_the_collections_are_made_with_their_sizes(
    database: db.Database, settings: Settings
) -> None:
    options = {info["name"]: info["options"] async for info in await database.list_collections()}
    assert set(options) >= set(db.INDEXES)
    capped = {name: o["size"] for name, o in options.items() if o.get("capped")}
    assert capped == {
        "heartbeats": 2**20, "meter_values": 4 * 2**20, "boot_notifications": 2**20,
        "messages": 2**20,
    }  # fmt: skip
    await db.prepare(database, settings.model_copy(update={"heartbeats_mb": 2}))
    stats = await database.command("collStats", "heartbeats")
    assert stats["maxSize"] == 2 * 2**20
    await db.prepare(database, settings)


@pytest.mark.parametrize("field", ["serialNumber", "chargePointIdentity"])
async def test_serials_and_identities_are_unique_where_there_are_any(
    database: db.Database, field: str
) -> None:
    await database.charge_points.insert_many([{field: None}, {field: None}, {}, {field: "a"}])
    with pytest.raises(Duplicate) as duplicate:
        async with db.errors():
            await database.charge_points.insert_one({field: "a"})
    assert duplicate.value.field == field
    indexes = await database.charge_points.index_information()
    [index] = [i for i in indexes.values() if i["key"] == [(field, 1)] and i.get("unique")]
    assert index["partialFilterExpression"] == {field: {"$type": "string"}}


async def test_an_index_of_an_earlier_version_is_made_anew(
    database: db.Database, settings: Settings
) -> None:
    transactions, commands = database.transactions, database.commands
    made = await transactions.index_information()
    await transactions.drop_index("active")
    await transactions.create_index("connectorId", name="active")
    # The same index, made by an analyst under another name, is left alone.
    await commands.drop_index("pending")
    pending = {"status": "Pending"}
    await commands.create_index("nodeId", name="own", partialFilterExpression=pending)
    await db.prepare(database, settings)
    assert await transactions.index_information() == made
    names = await commands.index_information()
    assert "own" in names and "pending" not in names


async def test_capped_collections_keep_the_newest(database: db.Database) -> None:
    filler = "x" * 100_000
    await database.heartbeats.insert_many([{"_id": n, "filler": filler} for n in range(30)])
    kept = await database.heartbeats.distinct("_id")
    assert 0 not in kept and 29 in kept


async def test_admission_looks_charge_points_up_by_index(
    database: db.Database, telemetry_database: db.TelemetryDatabase
) -> None:
    from csms.metrics import Metrics
    from csms.repositories.charge_points import ChargePoints
    from csms.repositories.telemetry import Telemetry

    records = [
        {"_id": n, "serialNumber": f"S{n}", "chargePointIdentity": f"C{n}" if n % 2 else None}
        for n in range(1000)
    ]
    await database.charge_points.insert_many(records)
    charge_points = ChargePoints(database, Telemetry(telemetry_database, Metrics(), 0))
    await database.command("profile", 2)
    try:
        found = await charge_points.find_by_identity("C7")
        assert found is not None and found["_id"] == 7
        found = await charge_points.find_by_serial_only("s8")
        assert found is not None and found["_id"] == 8
        assert await charge_points.serial_only_exist()
    finally:
        await database.command("profile", 0)
    examined = [
        entry["docsExamined"]
        async for entry in database["system.profile"].find({"ns": {"$regex": "charge_points"}})
    ]
    assert examined == [1, 1, 1]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OperationFailure("No space left on device", 14031), id="disk full"),
        pytest.param(WriteConcernError("interrupted", 11602), id="the primary steps down"),
        pytest.param(WTimeoutError("waiting for replication timed out", 64), id="no majority"),
    ],
)
async def test_a_write_that_is_not_there_for_sure_may_be_tried_again(error: PyMongoError) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with db.errors():
            raise error
