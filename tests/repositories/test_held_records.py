"""Writes of what charge points report: only by the session that holds the record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms import db
from csms.domain.hold import Claim, Hold
from csms.domain.times import DeviceTime, read_device_time
from csms.errors import SessionLost
from csms.metrics import Metrics
from csms.repositories.held_records import HeldRecords
from csms.repositories.telemetry import Telemetry

pytestmark = pytest.mark.gen_test

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD, NEW = Hold("CP1", "old"), Hold("CP1", "new")


@pytest.fixture
def held(database: db.Database, telemetry_database: db.TelemetryDatabase) -> HeldRecords:
    return HeldRecords(database, Telemetry(telemetry_database, Metrics(), 0))


async def put(database: db.Database, charge_point_id: str = "CP1", session: str = "new") -> None:
    record: dict[str, Any] = {
        "_id": charge_point_id,
        "chargePointIdentity": charge_point_id,
        "ocppSessionId": session,
        "flags": [],
        "connectors": [{"connectorId": 1, "status": "Charging"}],
    }
    await database.charge_points.insert_one(record)


async def record(database: db.Database, charge_point_id: str = "CP1") -> dict[str, Any]:
    found = await database.charge_points.find_one({"_id": charge_point_id})
    assert found is not None
    return found


def told(seconds_ago: float = 0) -> DeviceTime:
    return DeviceTime(NOW - timedelta(seconds=seconds_ago))


Write = Callable[[HeldRecords, Hold], Awaitable[Any]]
WRITES: list[Write] = [
    lambda held, hold: held.set_fields(hold, {"vendor": "Old"}),
    lambda held, hold: held.set_flag(hold, "old", True),
    lambda held, hold: held.set_status(hold, {"status": "Old"}, told(), NOW),
    lambda held, hold: held.set_connector_status(hold, 1, {"status": "Old"}, told(), NOW),
    lambda held, hold: held.set_connector_status(hold, 2, {"status": "Old"}, told(), NOW),
    lambda held, hold: held.set_connector_status(hold, 99, {"status": "Old"}, told(), NOW),
    lambda held, hold: held.put_connectors(hold, [], [{"connectorId": 7}], NOW),
]


@pytest.mark.parametrize("write", WRITES)
async def test_a_session_that_has_lost_the_record_writes_nothing(
    database: db.Database, held: HeldRecords, write: Write
) -> None:
    await put(database)
    before = await record(database)
    with pytest.raises(SessionLost):
        await write(held, OLD)
    with pytest.raises(SessionLost):
        await write(held, Hold("deleted", "old"))
    assert await record(database) == before
    await write(held, NEW)


async def test_what_nobody_waits_for_is_not_written_either(
    database: db.Database, held: HeldRecords
) -> None:
    await put(database)
    before = await record(database)
    held.note(OLD, {"answersPings": True})
    held.note_sign_of_life(OLD, NOW, ["nullField"])
    held.note_trouble(OLD, "leftBehind", NOW)
    held.note_end(OLD, {"closedByCsmsReason": "Silent"})
    await held.release(Claim(OLD, "n", "", "ocpp1.6"), NOW)
    held.store_signs_of_life()
    await held.set_fields(NEW, {"vendor": "New"})
    assert await record(database) == before | {"vendor": "New"}


async def test_among_many_at_once_each_learns_whether_it_was_written(
    database: db.Database, held: HeldRecords
) -> None:
    for n in range(30):
        await put(database, f"{n}", "lost" if n % 3 == 0 else "mine")
    results = await asyncio.gather(
        *(held.set_fields(Hold(f"{n}", "mine"), {"vendor": "V"}) for n in range(30)),
        return_exceptions=True,
    )
    assert [isinstance(each, SessionLost) for each in results] == [n % 3 == 0 for n in range(30)]
    written = await database.charge_points.count_documents({"vendor": "V"})
    assert written == 20


@pytest.mark.parametrize("connector_id", [0, 1])
@pytest.mark.parametrize(
    ("first", "then", "shown"),
    [
        (60, 30, "then"),
        (30, 60, "first"),
        (30, 30, "then"),
        # From a queue that was filled off line.
        (30, 7200, "first"),
        # The clock was fast, and was set.
        (-60, 10, "then"),
        (-7200, 10, "then"),
        # It was never set, or is fast: its order is that of arrival.
        (30, 10 * 365 * 86400, "then"),
        (30, -7200, "then"),
    ],
)
async def test_an_older_status_does_not_replace_a_newer(
    database: db.Database,
    held: HeldRecords,
    connector_id: int,
    first: float,
    then: float,
    shown: str,
) -> None:
    await put(database)
    connected_at = NOW - timedelta(hours=1)
    for status, seconds_ago in (("first", first), ("then", then)):
        stamp = (NOW - timedelta(seconds=seconds_ago)).isoformat()
        time = read_device_time(stamp, NOW, connected_at)
        fields = {"status": status, "statusTimestamp": time.time}
        if connector_id == 0:
            await held.set_status(NEW, fields, time, NOW)
        else:
            await held.set_connector_status(NEW, connector_id, fields, time, NOW)
    after = await record(database)
    [connector] = after["connectors"]
    assert (after if connector_id == 0 else connector)["status"] == shown


async def test_a_clock_that_was_put_back_on_the_same_connection_freezes_nothing(
    database: db.Database, held: HeldRecords
) -> None:
    await put(database)
    connected_at = NOW - timedelta(days=5)
    for status, seconds_ago in (("first", 1), ("then", 3600)):
        stamp = (NOW - timedelta(seconds=seconds_ago)).isoformat()
        time = read_device_time(stamp, NOW, connected_at)
        fields = {"status": status, "statusTimestamp": time.time}
        await held.set_connector_status(NEW, 1, fields, time, NOW)
    assert (await record(database))["connectors"][0]["status"] == "then"


async def test_the_end_takes_along_what_was_noted(database: db.Database, held: HeldRecords) -> None:
    await put(database)
    held.note_sign_of_life(NEW, NOW, ["nullField"])
    held.note_end(NEW, {"closedByCsmsReason": "Silent"})
    await held.release(Claim(NEW, "n", "", "ocpp1.6"), NOW)
    after = await record(database)
    assert (after["lastSeen"], after["quirks"]) == (NOW, {"nullField": 1})
    assert (after["closedByCsmsReason"], after["ocppSessionId"]) == ("Silent", None)


async def test_a_record_is_taken_back_unless_another_has_had_it(
    database: db.Database, held: HeldRecords
) -> None:
    await put(database)
    mine = Claim(Hold("CP1", "mine"), "n1", "", "ocpp1.6")
    assert await held.claim(mine, "CP1", "new", NOW)
    await held.release_node("n1", NOW)
    assert await held.reclaim(mine)
    await held.release_node("n1", NOW)
    other = Claim(Hold("CP1", "other"), "n2", "", "ocpp1.6")
    assert await held.claim(other, "CP1", None, NOW + timedelta(seconds=1))
    assert not await held.reclaim(mine)
    await held.release(other, NOW + timedelta(seconds=2))
    assert not await held.reclaim(mine)
