"""Keeps the `searchGrams` of charge points in step with what they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import UpdateOne

from csms import db
from csms.domain.search import GRAMS, SEARCHED, grams

BATCH = 1_000


def forget_if_changed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an update that drops a record's grams when it changes what is searched."""
    return {"$unset": {GRAMS: ""}} if any(field in SEARCHED for field in fields) else {}


async def refresh(collection: db.Collection, among: Mapping[str, Any]) -> None:
    """Give the records among these that have no grams theirs.

    Until then they are found all the same, only slower.
    """
    missing = {**among, GRAMS: None}
    wanted = dict.fromkeys(SEARCHED, 1)
    async with db.errors():
        records = collection.find(missing, wanted, batch_size=BATCH)
        updates: list[UpdateOne] = []
        async for record in records:
            # One that changes meanwhile is left to whoever changes it.
            unchanged = {field: record.get(field) for field in SEARCHED}
            updates.append(UpdateOne({**unchanged, GRAMS: None}, {"$set": {GRAMS: grams(record)}}))
            if len(updates) == BATCH:
                await collection.bulk_write(updates, ordered=False)
                updates = []
        if updates:
            await collection.bulk_write(updates, ordered=False)
