"""Names: identities and serials of charge points, each of one record alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from csms import db
from csms.domain.charge_point import NewChargePoint, new_record
from csms.errors import Duplicate
from csms.metrics import Metrics
from csms.repositories.charge_points import ChargePoints
from csms.repositories.folded_keys import collisions
from csms.repositories.names import refresh
from csms.repositories.telemetry import Telemetry

pytestmark = pytest.mark.gen_test

NOW = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.fixture
def charge_points(database: db.Database, telemetry_database: db.TelemetryDatabase) -> ChargePoints:
    return ChargePoints(database, Telemetry(telemetry_database, Metrics(), 0))


async def create(
    charge_points: ChargePoints, own_id: str, identity: str | None, serial: str | None
) -> None:
    new = NewChargePoint(id=own_id, chargePointIdentity=identity, serialNumber=serial)
    await charge_points.create(new_record(new, None, NOW))


async def names(database: db.Database) -> dict[str, list[str] | None]:
    return {one["_id"]: one.get("namesFolded") async for one in database.charge_points.find()}


async def test_records_without_names_get_them(database: db.Database) -> None:
    await database.charge_points.insert_many(
        [
            {"_id": "A", "chargePointIdentity": "E\u0301-1", "serialNumber": " Sn-A "},
            {"_id": "B", "chargePointIdentity": "Same", "serialNumber": "SAME"},
            {"_id": "C", "chargePointIdentity": None, "namesFolded": None},
            {"_id": "D", "serialNumber": "", "namesFolded": "no list"},
        ]
    )
    assert await refresh(database.charge_points) == 0
    found = await names(database)
    assert found["A"] == ["sn-a", "é-1"] and found["B"] == ["same"]
    assert found["D"] in ([], "no list")


async def test_swapped_names_are_put_right(database: db.Database) -> None:
    await database.charge_points.insert_many(
        [
            {"_id": "A", "chargePointIdentity": "one", "namesFolded": ["two", "s"]},
            {"_id": "B", "serialNumber": "TWO", "namesFolded": ["one"]},
        ]
    )
    assert await refresh(database.charge_points) == 0
    assert await names(database) == {"A": ["one"], "B": ["two"]}


async def test_one_name_of_two_is_left_out_and_named(database: db.Database) -> None:
    await database.charge_points.insert_many(
        [
            {"_id": "A", "chargePointIdentity": "A1", "serialNumber": "X", "namesFolded": ["x"]},
            {"_id": "B", "chargePointIdentity": "x", "serialNumber": "SB"},
        ]
    )
    assert await refresh(database.charge_points) == 1
    assert await names(database) == {"A": ["a1", "x"], "B": ["sb"]}
    assert await refresh(database.charge_points) == 1
    [collision] = await collisions(database.charge_points)
    assert str(collision) == "A (serialNumber) and B (chargePointIdentity)"


@pytest.mark.parametrize(
    ("identity", "serial", "field", "message"),
    [
        ("sn-a", None, "chargePointIdentity", "the record A as its serialNumber SN-A"),
        (None, "id-a", "serialNumber", "the record A as its chargePointIdentity ID-A"),
        ("id-a", None, "chargePointIdentity", "the record A, as ID-A"),
        (None, "SN-A", "serialNumber", "the record A"),
        ("new", "sn-a", "serialNumber", "the record A, as SN-A"),
    ],
)
async def test_what_is_taken_is_refused_and_named(
    charge_points: ChargePoints,
    identity: str | None,
    serial: str | None,
    field: str,
    message: str,
) -> None:
    await create(charge_points, "A", "ID-A", "SN-A")
    with pytest.raises(Duplicate) as caught:
        await create(charge_points, "B", identity, serial)
    assert caught.value.field == field and message in caught.value.message
    await create(charge_points, "B", "ID-B", "SN-B")
    given = {"chargePointIdentity": identity, "serialNumber": serial}
    fields = {name: value for name, value in given.items() if value}
    with pytest.raises(Duplicate) as caught:
        await charge_points.change("B", fields, NOW)
    assert caught.value.field == field and message in caught.value.message


async def test_a_change_moves_its_names(charge_points: ChargePoints, database: db.Database) -> None:
    await create(charge_points, "A", "ID-A", "SN-A")
    await charge_points.change("A", {"serialNumber": "id-a"}, NOW)
    assert await names(database) == {"A": ["id-a"]}
    await charge_points.change("A", {"chargePointIdentity": None}, NOW)
    assert await names(database) == {"A": ["id-a"]}
    await create(charge_points, "B", "SN-A", None)
    await charge_points.delete("A")
    await charge_points.change("B", {"serialNumber": "ID-A"}, NOW)
    assert await names(database) == {"B": ["id-a", "sn-a"]}


async def test_a_record_that_collides_is_changed_in_all_else(
    charge_points: ChargePoints, database: db.Database
) -> None:
    await create(charge_points, "A", "A1", "X")
    await database.charge_points.insert_one(
        {"_id": "B", "chargePointIdentity": "x", "serialNumber": "SB", "namesFolded": ["sb"]}
    )
    fields = {"chargePointIdentity": "x", "serialNumber": "SB2", "name": "n"}
    assert (await charge_points.change("B", fields, NOW))["name"] == "n"
    assert (await names(database))["B"] == ["sb2"]
    with pytest.raises(Duplicate):
        await charge_points.change("B", {"chargePointIdentity": "X"}, NOW)
    # When the other gives the name up, it is this one's.
    await charge_points.change("A", {"serialNumber": "Y"}, NOW)
    assert (await names(database))["B"] == ["sb2", "x"]


async def test_binding_is_refused_for_anothers_name(
    charge_points: ChargePoints, database: db.Database
) -> None:
    await create(charge_points, "A", "ID-A", "SN-A")
    await create(charge_points, "B", None, "SN-B")
    for identity in ("sn-a", " SN-A ", "id-A"):
        with pytest.raises(Duplicate, match="the record A"):
            await charge_points.bind_identity("B", identity, NOW)
    assert await charge_points.bind_identity("B", "sn-b", NOW)
    record = await database.charge_points.find_one({"_id": "B"})
    assert record is not None
    assert (record["namesFolded"], record["identitySource"]) == (["sn-b"], "bound")
