"""Folded keys: given to every record that can have one, whoever wrote it."""

from __future__ import annotations

import pytest
from pymongo.errors import DuplicateKeyError

from csms import db
from csms.repositories.folded_keys import collisions, refresh

pytestmark = pytest.mark.gen_test


async def keys(database: db.Database) -> dict[str, tuple[str | None, str | None]]:
    return {
        one["_id"]: (one.get("idFolded"), one.get("identityFolded"))
        async for one in database.charge_points.find()
    }


async def test_records_without_keys_get_them(database: db.Database) -> None:
    await database.charge_points.insert_many(
        [
            {"_id": "A", "chargePointIdentity": "É"},
            {"_id": "b", "chargePointIdentity": None},
            {"_id": 7},
        ]
    )
    assert await refresh(database.charge_points) == 0
    assert await keys(database) == {"A": ("a", "é"), "b": ("b", None), 7: (None, None)}
    with pytest.raises(DuplicateKeyError):
        await database.charge_points.insert_one({"_id": "x", "identityFolded": "é"})


async def test_those_that_collide_are_left_out_and_named(database: db.Database) -> None:
    await database.charge_points.insert_many(
        [
            {"_id": "A", "chargePointIdentity": "one"},
            {"_id": "a", "chargePointIdentity": "ONE"},
            {"_id": "B", "chargePointIdentity": "two"},
        ]
    )
    assert await refresh(database.charge_points) == 2
    found = await keys(database)
    assert sorted(map(str, (found["A"], found["a"]))) == ["('a', 'one')", "(None, None)"]
    assert {str(one) for one in await collisions(database.charge_points)} == {
        "A and a (id)", "A and a (chargePointIdentity)"
    }  # fmt: skip
    await database.charge_points.delete_one({"_id": "A"})
    assert await refresh(database.charge_points) == 0
    assert (await keys(database))["a"] == ("a", "one")


async def test_keys_of_what_a_record_said_before_are_replaced(database: db.Database) -> None:
    await database.charge_points.insert_many(
        [
            {"_id": "A", "chargePointIdentity": "ÜNÖ", "idFolded": "a", "identityFolded": "b"},
            {"_id": "B", "chargePointIdentity": "b", "idFolded": "b", "identityFolded": "ünö"},
            {"_id": "C", "chargePointIdentity": None, "idFolded": "c", "identityFolded": "c"},
        ]
    )
    assert await refresh(database.charge_points) == 0
    assert await keys(database) == {"A": ("a", "ünö"), "B": ("b", "b"), "C": ("c", None)}
