"""Alarms: one document while an alarm is open, however often and wherever it is raised."""

from __future__ import annotations

import pytest

from csms import db
from csms.domain.alarm import Alarm, AlarmKind
from csms.metrics import Metrics
from csms.repositories.alarms import Alarms
from csms.repositories.telemetry import Telemetry
from tests.repositories.conftest import START

pytestmark = pytest.mark.gen_test

TWICE = Alarm(
    AlarmKind.IDENTITY_CLAIMED_TWICE, "CP1", "CP1", (("first", "192.0.2.1"), ("other", "192.0.2.2"))
)


def alarms_of(database: db.TelemetryDatabase) -> tuple[Alarms, Telemetry]:
    telemetry = Telemetry(database, Metrics(), 0)
    return Alarms(telemetry, Metrics(), lambda: START), telemetry


async def test_repeats_are_counted_in_the_alarm_that_is_open(
    database: db.Database, telemetry_database: db.TelemetryDatabase
) -> None:
    alarms, telemetry = alarms_of(telemetry_database)
    for _ in range(50):
        alarms.note(TWICE)
    alarms.store_repeats()
    await telemetry.close()
    (found,) = await database["alarms"].find().to_list(None)
    assert found["count"] == 50
    assert found["severity"] == "critical"
    assert found["facts"] == {"first": "192.0.2.1", "other": "192.0.2.2"}
    assert found["raisedAt"] == START and found["closedAt"] is None


async def test_two_nodes_raise_one_alarm(
    database: db.Database, telemetry_database: db.TelemetryDatabase
) -> None:
    for _ in range(2):
        alarms, telemetry = alarms_of(telemetry_database)
        alarms.note(TWICE)
        await telemetry.close()
    (found,) = await database["alarms"].find().to_list(None)
    assert found["count"] == 2


async def test_an_alarm_that_was_closed_is_raised_as_a_new_one(
    database: db.Database, telemetry_database: db.TelemetryDatabase
) -> None:
    alarms, telemetry = alarms_of(telemetry_database)
    alarms.note(TWICE)
    alarms.close(TWICE.kind, TWICE.subject)
    alarms.note(TWICE)
    await telemetry.close()
    found = await database["alarms"].find().sort("closedAt", -1).to_list(None)
    assert [alarm["closedAt"] for alarm in found] == [START, None]
