"""Hashes leave the records when the last node has gone that looks for them there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from csms import db
from csms.connections import key_mover
from csms.connections.key_mover import KeyMover
from csms.domain.authorization_key import hash_key
from csms.repositories.credentials import StoredKeys
from tests.support.system import eventually

pytestmark = pytest.mark.gen_test


async def test_the_last_node_of_before_goes(
    database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_mover, "PAUSE", 0.01)
    key = {"authorizationKeyHash": hash_key("0123456789abcdef")}
    await database.charge_points.insert_one({"_id": "A", **key})
    until = datetime.now(UTC) + timedelta(minutes=5)
    await database.nodes.insert_one({"_id": "old", "leaseUntil": until})

    async def count() -> int:
        return await database.charge_points.count_documents(key)

    mover = KeyMover(StoredKeys(database), "test", lambda: datetime.now(UTC))
    await mover.start()
    try:
        assert await count() == 1
        await database.nodes.delete_one({"_id": "old"})
        await eventually(count, lambda left: left == 0)
    finally:
        await mover.stop()
