"""Hashes of authorization keys: apart from the records, also those that older nodes wrote there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms import db
from csms.domain.authorization_key import hash_key
from csms.repositories.credentials import KEEPS_KEYS_APART, StoredKeys

pytestmark = pytest.mark.gen_test

NOW = datetime(2026, 11, 27, tzinfo=UTC)
HASH, COMING = hash_key("0123456789abcdef"), hash_key("fedcba9876543210")


async def write_as_0_2_0(database: db.Database, **records: dict[str, str | None]) -> None:
    """Records of charge points, with hashes in them."""
    documents = [{"_id": name, **fields} for name, fields in records.items()]
    await database.charge_points.insert_many(documents)


async def record(database: db.Database, charge_point_id: str) -> dict[str, Any]:
    return dict(await database.charge_points.find_one({"_id": charge_point_id}) or {})


async def test_hashes_leave_the_records_and_are_found(database: db.Database) -> None:
    await write_as_0_2_0(
        database,
        A={"authorizationKeyHash": HASH, "nextAuthorizationKeyHash": COMING},
        B={"authorizationKeyHash": None},
        C={"authorizationKeyHash": HASH},
    )
    keys = StoredKeys(database)
    assert await keys.move("test", NOW) == 3
    assert await keys.move("test", NOW) == 0
    a, b, c = [await record(database, one) for one in "ABC"]
    assert "argon2" not in repr((a, b, c)) and b["authorizationKeyHash"] is None
    assert await keys.hash_of(a["authorizationKeyHash"]) == HASH
    assert await keys.hash_of(a["nextAuthorizationKeyHash"]) == COMING
    assert a["authorizationKeyHash"] != c["authorizationKeyHash"]
    await keys.forget([a])
    assert await keys.hash_of(a["authorizationKeyHash"]) is None
    assert await keys.hash_of(c["authorizationKeyHash"]) == HASH


async def test_they_stay_while_a_node_lives_that_looks_for_them_there(
    database: db.Database,
) -> None:
    await write_as_0_2_0(database, A={"authorizationKeyHash": HASH})
    keys = StoredKeys(database)
    until = datetime.now(UTC) + timedelta(minutes=5)
    await database.nodes.insert_many(
        [
            {"_id": "old", "leaseUntil": until},
            {"_id": "new", "leaseUntil": until, KEEPS_KEYS_APART: True},
            # What runs under the own id was before this start.
            {"_id": "test", "leaseUntil": until},
        ]
    )
    assert await keys.move("test", NOW) is None
    assert (await record(database, "A"))["authorizationKeyHash"] == HASH
    assert await keys.hash_of(HASH) == HASH
    passed = {"$set": {"leaseUntil": datetime.now(UTC) - timedelta(seconds=1)}}
    await database.nodes.update_one({"_id": "old"}, passed)
    assert await keys.move("test", NOW) == 1


async def test_a_key_that_is_set_meanwhile_is_one_that_the_older_node_can_read(
    database: db.Database,
) -> None:
    keys, until = StoredKeys(database), datetime.now(UTC) + timedelta(minutes=1)
    await database.nodes.insert_many(
        [
            {"_id": "old", "leaseUntil": until},
            {"_id": "test", "leaseUntil": until, KEEPS_KEYS_APART: True},
        ]
    )
    stored = (await keys.add_all({"CP1": HASH}, NOW))["CP1"]
    assert stored == HASH == await keys.hash_of(stored)
    assert await database.credentials.count_documents({}) == 0
    await keys.forget([{"authorizationKeyHash": stored}])
    await database.nodes.delete_one({"_id": "old"})
    assert (await keys.add_all({"CP1": HASH}, NOW))["CP1"] != HASH


async def test_a_key_that_changes_meanwhile_is_not_lost(
    database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_as_0_2_0(
        database, A={"authorizationKeyHash": HASH}, B={"authorizationKeyHash": HASH}
    )
    keys = StoredKeys(database)
    add_apart = keys._add_apart

    async def add_and_change(hashes: Mapping[str, str], now: datetime) -> dict[str, str]:
        monkeypatch.undo()
        await database.charge_points.update_one(
            {"_id": "A"}, {"$set": {"authorizationKeyHash": COMING}}
        )
        await database.charge_points.update_one(
            {"_id": "B"}, {"$set": {"authorizationKeyHash": None}}
        )
        return await add_apart(hashes, now)

    monkeypatch.setattr(keys, "_add_apart", add_and_change)
    assert await keys.move("test", NOW) == 1
    assert await keys.hash_of((await record(database, "A"))["authorizationKeyHash"]) == COMING
    assert (await record(database, "B"))["authorizationKeyHash"] is None


async def test_a_move_that_was_interrupted_is_done_again(
    database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_as_0_2_0(database, A={"authorizationKeyHash": HASH})
    keys = StoredKeys(database)
    add_apart = keys._add_apart

    async def add_and_die(hashes: Mapping[str, str], now: datetime) -> dict[str, str]:
        await add_apart(hashes, now)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(keys, "_add_apart", add_and_die)
        await keys.move("test", NOW)
    assert (await record(database, "A"))["authorizationKeyHash"] == HASH
    assert await keys.move("test", NOW) == 1
    assert await keys.hash_of((await record(database, "A"))["authorizationKeyHash"]) == HASH


async def test_they_are_put_back_for_version_0_2_0(database: db.Database) -> None:
    fields = {"authorizationKeyHash": HASH, "nextAuthorizationKeyHash": COMING}
    await write_as_0_2_0(database, A=fields, B={"authorizationKeyHash": None})
    keys = StoredKeys(database)
    await keys.move("test", NOW)
    assert await keys.put_back() == 2
    assert await record(database, "A") == {"_id": "A", **fields}
    assert await keys.move("test", NOW) == 2


async def test_the_index_finds_them_and_is_empty_afterwards(database: db.Database) -> None:
    for field in ("authorizationKeyHash", "nextAuthorizationKeyHash"):
        explained = await database.charge_points.find({field: db.KEY_HASH}).explain()
        assert f"{field}_here" in repr(explained["queryPlanner"]["winningPlan"])
