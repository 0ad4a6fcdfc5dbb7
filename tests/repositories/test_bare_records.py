"""Bare records: those that a charge point opens with its identity alone."""

from __future__ import annotations

from typing import Any

import pytest

from csms import db
from csms.domain.charge_point import is_bare
from csms.repositories.bare_records import count_bare, list_bare, matching

pytestmark = pytest.mark.gen_test

RECORDS: list[tuple[dict[str, Any], bool]] = [
    ({"_id": "old"}, True),
    ({"_id": "nulls", "authorizationKeyHash": None, "securityProfile": None}, True),
    ({"_id": "profile-0", "securityProfile": 0}, True),
    ({"_id": "key", "authorizationKeyHash": "$argon2"}, False),
    ({"_id": "next-key", "nextAuthorizationKeyHash": "$argon2"}, False),
    ({"_id": "profile-3", "securityProfile": 3}, False),
]


async def test_a_key_or_a_profile_makes_a_record_not_bare(database: db.Database) -> None:
    collection = database["charge_points"]
    await collection.insert_many([record for record, _ in RECORDS])
    bare = sorted(record["_id"] for record, expected in RECORDS if expected)
    assert bare == sorted(record["_id"] for record, _ in RECORDS if is_bare(record))
    assert await list_bare(collection, 10) == bare
    assert await list_bare(collection, 2) == bare[:2]
    assert await count_bare(collection) == len(bare)
    others = [r["_id"] async for r in collection.find(matching(False))]
    assert sorted(others) == sorted({record["_id"] for record, _ in RECORDS} - {*bare})


async def test_one_that_may_not_connect_is_no_risk(database: db.Database) -> None:
    collection = database["charge_points"]
    await collection.insert_one({"_id": "CP1", "isWhitelisted": False})
    assert await count_bare(collection) == 0
    assert [r["_id"] async for r in collection.find(matching(False))] == ["CP1"]
