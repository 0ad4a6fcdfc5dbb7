"""Brings what people entered before to NFC, as everything entered from now on is.

Ids and identities of charge points are left as they are: readings, sessions and URLs name them.
They are found in any normal form by their folded keys (`repositories/folded_keys.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from csms import db
from csms.domain.search import GRAMS, SEARCHED, grams
from csms.domain.text import fold_text, nfc
from csms.repositories.migrations.migration import Migration

BATCH = 500
TEXTS = ("name", "stationName", "location", "brand", "serialNumber")
_DUPLICATE_KEY = 11000
_BY_TEXT: Mapping[str, Any] = {"_id": {"$type": "string"}}


async def run(database: db.Database) -> int:
    """Compose the texts of charge points, and the names that id tags and users are found by."""
    changed = await _charge_points(database["charge_points"])
    changed += await _id_tags(database["id_tags"])
    return changed + await _users(database["users"])


async def _charge_points(collection: db.Collection) -> int:
    """Each record that changes meanwhile is left to who changes it: what is written is composed."""
    updates: list[UpdateOne] = []
    changed = 0
    wanted = dict.fromkeys({*TEXTS, *SEARCHED}, 1)
    async for record in collection.find({}, wanted, batch_size=BATCH):
        composed = _composed(record, TEXTS)
        # The pieces that a search uses are composed too, also those of an id that is not.
        if composed or _composed(record, SEARCHED):
            before = {field: record.get(field) for field in (*TEXTS, *SEARCHED)}
            after = {**composed, GRAMS: grams({**record, **composed})}
            updates.append(UpdateOne(before, {"$set": after}))
        if len(updates) == BATCH:
            changed += await _update(collection, updates)
            updates = []
    return changed + await _update(collection, updates)


async def _update(collection: db.Collection, updates: Sequence[UpdateOne]) -> int:
    if not updates:
        return 0
    try:
        result = await collection.bulk_write(updates, ordered=False)
    except BulkWriteError as error:
        # The serial of another record is the same text: both stay as they are.
        details = error.details or {}
        if any(one.get("code") != _DUPLICATE_KEY for one in details.get("writeErrors", [])):
            raise
        return int(details.get("nModified", 0))
    return result.modified_count


async def _id_tags(collection: db.Collection) -> int:
    """Add a composed record for each tag that is not; older nodes still need the other."""
    added = 0
    async for record in collection.find(_BY_TEXT, batch_size=BATCH):
        key = fold_text(record["_id"])
        if key == record["_id"]:
            continue
        composed = {**record, **_composed(record, ("idTag", "parentIdTag", "note")), "_id": key}
        if isinstance(record.get("parentIdTagFolded"), str):
            composed["parentIdTagFolded"] = fold_text(record["parentIdTagFolded"])
        added += await _insert(collection, composed)
    return added


async def _users(collection: db.Collection) -> int:
    """Move each user whose name is not composed: a second password must not stay behind."""
    moved = 0
    async for record in collection.find(_BY_TEXT, batch_size=BATCH):
        key = fold_text(record["_id"])
        if key == record["_id"]:
            continue
        await _insert(collection, {**record, **_composed(record, ("name",)), "_id": key})
        there = await collection.find_one({"_id": key}) or {}
        # Another user may have had the composed name all along: then both stay.
        if there.get("passwordHash") == record["passwordHash"]:
            await collection.delete_one({"_id": record["_id"]})
            moved += 1
    return moved


async def _insert(collection: db.Collection, record: db.Document) -> bool:
    try:
        await collection.insert_one(record)
    except DuplicateKeyError:
        # It was added by a run that did not end, or through REST meanwhile.
        return False
    return True


def _composed(record: Mapping[str, Any], fields: Sequence[str]) -> dict[str, str]:
    """The fields whose text is not in NFC, composed."""
    texts = ((field, record.get(field)) for field in fields)
    return {f: nfc(text) for f, text in texts if isinstance(text, str) and nfc(text) != text}


MIGRATION = Migration("002_compose_texts", 1, "bring texts to Unicode NFC", run)
