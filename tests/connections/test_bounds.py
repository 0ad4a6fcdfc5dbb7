"""The bounds on what is stored: flags and alarms come and go, in memory and in the record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tornado.ioloop import IOLoop

from csms import db
from csms.config import Settings
from csms.connections.bounds import VISITORS, Bounds
from csms.domain.hold import Claim, Hold
from csms.domain.stored_bytes import BOOT_NOTIFICATIONS, HEARTBEATS, HOUR, METER_VALUES, StoredBytes
from csms.metrics import Metrics
from csms.repositories.alarms import Alarms
from csms.repositories.charge_points import ChargePoints
from csms.repositories.held_records import HeldRecords
from csms.repositories.telemetry import Telemetry

pytestmark = pytest.mark.gen_test

MB = 1024 * 1024


class Scene:
    """A node's bounds, with a clock that is set by hand."""

    def __init__(
        self, database: db.Database, telemetry_database: db.TelemetryDatabase, settings: Settings
    ) -> None:
        self.database = database
        self.passed = 0.0
        self.telemetry = Telemetry(telemetry_database, Metrics(), 0)
        charge_points = ChargePoints(database, self.telemetry)
        held = HeldRecords(database, self.telemetry)
        alarms = Alarms(self.telemetry, Metrics(), self._now)
        bounded = settings.model_copy(update={"max_stored_share": 5.0})
        self.bounds = Bounds(bounded, charge_points, held, alarms, self._now, lambda: self.passed)

    def _now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=self.passed)

    async def record(self) -> db.Document:
        """CP1's, when all is written."""
        await self.telemetry.close()
        record = await self.database.charge_points.find_one({"_id": "CP1"})
        assert record is not None
        return record

    async def stored(self) -> StoredBytes:
        """What CP1 has stored; it is connected here."""
        stored = self.bounds.of(await self.record())
        stored.claim = Claim(Hold("CP1", "S"), "node", "127.0.0.1", "ocpp1.6")
        return stored

    async def alarm(self) -> db.Document:
        """The only one, when all is written."""
        await self.telemetry.close()
        [alarm] = await self.database.alarms.find().to_list(None)
        return alarm


@pytest.fixture
def scene(
    io_loop: IOLoop,
    database: db.Database,
    telemetry_database: db.TelemetryDatabase,
    settings: Settings,
) -> Iterator[Scene]:
    async def build() -> Scene:
        await database.charge_points.insert_one(
            {"_id": "CP1", "flags": ["other"], "ocppSessionId": "S"}
        )
        return Scene(database, telemetry_database, settings)

    yield io_loop.run_sync(build)


async def test_one_that_is_over_is_flagged_and_has_an_alarm(scene: Scene) -> None:
    stored = await scene.stored()
    for _ in range(20):
        stored.add(HEARTBEATS, 10_000)
    record = await scene.record()
    assert record["flags"] == ["other", "tooMuchData"]
    assert sum(record["storedBytes"]["heartbeats"]) > 0.95 * 0.05 * MB
    alarm = await scene.alarm()
    assert (alarm["kind"], alarm["subject"]) == ("tooMuchData", "CP1")
    assert (alarm["chargePointId"], alarm["closedAt"]) == ("CP1", None)
    assert alarm["facts"] == {"collection": "heartbeats", "bound": "0.05 MB an hour"}


async def test_within_its_bound_for_an_hour_it_is_forgiven(scene: Scene) -> None:
    stored = await scene.stored()
    stored.add(HEARTBEATS, 55_000)
    await scene.record()
    scene.passed += HOUR - 60
    await scene.bounds.look()
    assert "tooMuchData" in (await scene.record())["flags"]
    scene.passed += 600
    await scene.bounds.look()
    assert (await scene.record())["flags"] == ["other"]
    assert (await scene.alarm())["closedAt"] is not None


async def test_one_that_went_on_elsewhere_is_not_forgiven_here(scene: Scene) -> None:
    stored = await scene.stored()
    stored.add(HEARTBEATS, 55_000)
    await scene.record()
    scene.passed += HOUR + 600
    later = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=HOUR)
    await scene.database.charge_points.update_one(
        {"_id": "CP1"}, {"$set": {"storedBytes.overAt": later}}
    )
    await scene.bounds.look()
    assert "tooMuchData" in (await scene.record())["flags"]
    assert (await scene.alarm())["closedAt"] is None


async def test_another_node_knows_and_forgives_in_the_end(
    scene: Scene, telemetry_database: db.TelemetryDatabase, settings: Settings
) -> None:
    (await scene.stored()).add(METER_VALUES, 250_000)
    other = Scene(scene.database, telemetry_database, settings)
    stored = other.bounds.of(await scene.record())
    assert stored.is_over and stored.wait_for("MeterValues") > 0
    other.passed += HOUR + 600
    await other.bounds.look()
    assert (await other.record())["flags"] == ["other"]


async def test_to_go_from_node_to_node_is_no_way_around_it(
    scene: Scene, telemetry_database: db.TelemetryDatabase, settings: Settings
) -> None:
    nodes = [scene, Scene(scene.database, telemetry_database, settings)]
    total = 0
    for visit in range(200):
        node = nodes[visit % 2]
        stored = await node.stored()
        if stored.is_over:
            break
        # Less than what is noted while the socket is open.
        stored.add(HEARTBEATS, 1_000)
        total += 1_000
        node.bounds.note(stored)
        await node.telemetry.close()
    assert 0.9 * 0.05 * MB < total < 1.05 * 0.05 * MB


async def test_what_a_session_noted_that_was_lost_replaces_nothing(scene: Scene) -> None:
    stored = await scene.stored()
    newer = {"ocppSessionId": "T", "storedBytes": {"heartbeats": [40_000]}}
    await scene.database.charge_points.update_one({"_id": "CP1"}, {"$set": newer})
    stored.add(HEARTBEATS, 30_000)
    stored.add(HEARTBEATS, 30_000)
    record = await scene.record()
    assert (record["storedBytes"], record["flags"]) == (newer["storedBytes"], ["other"])


async def test_it_is_the_same_across_connections_and_forgotten_when_empty(scene: Scene) -> None:
    record = await scene.record()
    stored = scene.bounds.of(record)
    stored.add(HEARTBEATS, 1_000)
    await scene.bounds.look()
    assert scene.bounds.of(record) is stored
    scene.passed += HOUR + 600
    await scene.bounds.look()
    assert scene.bounds.of(record) is not stored


async def test_visitors_without_a_record_share_one(scene: Scene) -> None:
    scene.bounds.visitors.add(BOOT_NOTIFICATIONS, MB)
    assert scene.bounds.visitors.is_full(BOOT_NOTIFICATIONS)
    alarm = await scene.alarm()
    assert (alarm["subject"], alarm["chargePointId"]) == (VISITORS, None)
    scene.passed += 100 * HOUR
    await scene.bounds.look()
    assert (await scene.alarm())["closedAt"] is not None
