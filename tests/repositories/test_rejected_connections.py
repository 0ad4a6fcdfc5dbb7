"""Connections turned away: counted by visitor, and never more records than visitors could be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from csms import db
from csms.metrics import Metrics
from csms.repositories import rejected_connections
from csms.repositories.rejected_connections import RejectedConnections, Rejection
from csms.repositories.telemetry import Telemetry
from tests.repositories.conftest import START

pytestmark = pytest.mark.gen_test


async def test_a_visitor_that_keeps_trying_adds_to_a_count(
    database: db.Database, telemetry_database: db.TelemetryDatabase
) -> None:
    rejected = RejectedConnections(Telemetry(telemetry_database, Metrics(), 0))
    for _ in range(3):
        await rejected.record(Rejection("CP1", "192.0.2.1", "Not whitelisted"), START)
    await rejected.record(Rejection("CP1", "192.0.2.2", "Not whitelisted"), START)
    found = await database["rejected_connections"].find().to_list(None)
    assert sorted((r["remoteAddress"], r["count"]) for r in found) == [
        ("192.0.2.1", 3),
        ("192.0.2.2", 1),
    ]


async def test_an_address_that_makes_identities_up_is_one_record_in_the_end(
    database: db.Database,
    telemetry_database: db.TelemetryDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rejected_connections, "MAX_IDENTITIES", 5)
    rejected = RejectedConnections(Telemetry(telemetry_database, Metrics(), 0))
    for number in range(50):
        await rejected.record(Rejection(f"X{number}", "192.0.2.1", "Not whitelisted"), START)
    await rejected.record(Rejection("X1", "192.0.2.1", "Not whitelisted"), START)
    found = await database["rejected_connections"].find().to_list(None)
    counts = {record["chargePointIdentity"]: record["count"] for record in found}
    assert counts == {"X0": 1, "X1": 2, "X2": 1, "X3": 1, "X4": 1, None: 45}


async def test_a_flood_that_is_noted_is_one_update_for_each_visitor(
    database: db.Database,
    telemetry_database: db.TelemetryDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rejected_connections, "MAX_NOTED", 3)
    telemetry = Telemetry(telemetry_database, Metrics(), 0)
    rejected = RejectedConnections(telemetry)
    for number in range(500):
        rejected.note(Rejection(None, f"192.0.2.{number % 5}", "Too many at once"), START)
    rejected.store_noted()
    await telemetry.close()
    found = await database["rejected_connections"].find().to_list(None)
    assert {record["remoteAddress"]: record["count"] for record in found} == {
        "192.0.2.0": 100,
        "192.0.2.1": 100,
        "192.0.2.2": 100,
    }


async def test_a_flood_from_many_addresses_is_one_record_in_the_end(
    database: db.Database,
    telemetry_database: db.TelemetryDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rejected_connections, "MAX_NEW", 3)
    rejected = RejectedConnections(Telemetry(telemetry_database, Metrics(), 0))
    for number in range(50):
        rejection = Rejection(f"X{number}", f"2001:db8::{number:x}", "Not whitelisted")
        await rejected.record(rejection, START)
    # Who was seen before is still counted apart, and so is a newcomer after a while.
    await rejected.record(Rejection("X1", "2001:db8::1", "Not whitelisted"), START)
    later = START + timedelta(seconds=6)
    await rejected.record(Rejection("Y", "2001:db8::ff", "Not whitelisted"), later)
    await rejected.record(Rejection("Z", "2001:db8::fe", "Not whitelisted"), later)
    found = await database["rejected_connections"].find().to_list(None)
    counts = {(one["chargePointIdentity"], one["remoteAddress"]): one["count"] for one in found}
    assert counts == {
        ("X0", "2001:db8::0"): 1,
        ("X1", "2001:db8::1"): 2,
        ("X2", "2001:db8::2"): 1,
        ("Y", "2001:db8::ff"): 1,
        (None, "many"): 48,
    }
