"""Which record a visitor's identity belongs to, exactly or nearly."""

from __future__ import annotations

import pytest

from csms import db
from csms.metrics import Metrics
from csms.repositories.charge_points import ChargePoints
from csms.repositories.telemetry import Telemetry
from csms.repositories.visitors import find_visitor_records

pytestmark = pytest.mark.gen_test


async def test_identities_in_other_letters(
    database: db.Database, telemetry_database: db.TelemetryDatabase
) -> None:
    identities = ("One", "Caf\u00e9", "CP-2", "TWIN", "Twin", "Own", "OWN-2")
    await database["charge_points"].insert_many(
        {"_id": f"R-{identity}", "chargePointIdentity": identity} for identity in identities
    )
    await database["charge_points"].insert_one({"_id": "none", "chargePointIdentity": None})
    charge_points = ChargePoints(database, Telemetry(telemetry_database, Metrics(), 0))
    sent = ("ONE", "Cafe\u0301", "CAFE\u0301", "cp_2", "twin", "Own", "stranger", None)
    found = await find_visitor_records(
        charge_points, [{"chargePointIdentity": identity} for identity in sent]
    )
    assert set(found.exact) == {"Own"}
    assert {identity: record["_id"] for identity, record in found.similar.items()} == {
        "ONE": "R-One",
        "Cafe\u0301": "R-Caf\u00e9",
        "CAFE\u0301": "R-Caf\u00e9",
    }


async def test_visitors_without_an_identity_cost_no_query(
    database: db.Database, telemetry_database: db.TelemetryDatabase
) -> None:
    charge_points = ChargePoints(database, Telemetry(telemetry_database, Metrics(), 0))
    found = await find_visitor_records(charge_points, [{"chargePointIdentity": None}])
    assert (found.exact, found.similar) == ({}, {})
