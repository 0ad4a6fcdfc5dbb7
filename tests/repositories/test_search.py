"""The search in charge points: fast for most, right for all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms import db
from csms.domain.charge_point import NewChargePoint, new_record
from csms.domain.search import GRAMS, containing, grams, grams_of
from csms.repositories import search
from tests.support.system import System

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.text(max_size=30), st.text(max_size=10), st.text(max_size=30))
def test_what_contains_a_text_has_its_grams(before: str, text: str, after: str) -> None:
    assert grams_of(text) <= set(grams({"location": before + text + after}))


async def ids(database: db.Database, text: str) -> list[str]:
    found = database.charge_points.find(containing(text)).sort("_id", 1)
    return [record["_id"] async for record in found]


@pytest.mark.gen_test
async def test_any_part_of_any_field_in_any_case(database: db.Database) -> None:
    records: list[dict[str, Any]] = [
        new_record(NewChargePoint(id=f"A-{n}", **fields), None, NOW)
        for n, fields in enumerate(
            [
                {"chargePointIdentity": "Bangkok-7", "location": "ถนนสุขุมวิท"},
                {"serialNumber": "SN.100", "stationName": "Straße"},
                {"serialNumber": "SNx100", "name": "lobby"},
            ]
        )
    ]
    await database.charge_points.insert_many(records)
    assert await ids(database, "สุขุม") == ["A-0"]
    assert await ids(database, "bangKOK") == ["A-0"]
    assert await ids(database, "n.1") == ["A-1"]
    assert await ids(database, "a-") == ["A-0", "A-1", "A-2"]
    assert await ids(database, "STRAß") == ["A-1"]
    assert await ids(database, "nobody") == []
    # Grams of several fields do not make a text that is in none.
    assert await ids(database, "lobbyA") == []


@pytest.mark.gen_test
async def test_records_of_others_are_found_and_get_their_grams(database: db.Database) -> None:
    await database.charge_points.insert_one({"_id": "other", "name": "by hand"})
    assert await ids(database, "hand") == ["other"]
    await search.refresh(database.charge_points, {})
    record = await database.charge_points.find_one()
    assert record is not None and record[GRAMS] == grams(record)
    assert await ids(database, "hand") == ["other"]


@pytest.mark.gen_test
async def test_a_change_is_found(system: System) -> None:
    await system.whitelist("CP1", location="old place")
    status, _ = await system.rest("PATCH", "/admin/charge-points/CP1", {"location": "new place"})
    assert status == 200
    record = await system.record()
    assert record[GRAMS] == grams(record)
    assert await ids(system.database, "old place") == []
    assert await ids(system.database, "new place") == ["CP1"]
