"""Keeps the names of charge points, identities and serials together, in step with their records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import UpdateOne

from csms import db
from csms.domain.folded_keys import NAMED_BY, NAMES_KEY, names_of, stored_names
from csms.errors import Duplicate
from csms.repositories.unique_writes import write_where_free

BATCH = 1_000
_WANTED = dict.fromkeys((*NAMED_BY, NAMES_KEY), 1)


async def refresh(collection: db.Collection) -> int:
    """Give every record the names that it should have; returns how many had to be left out.

    Nodes of older versions write none, and change identities and serials without them. A name
    that another record has is left out: the record works as before.
    """
    # All that is outdated goes before anything is given: two records may have swapped names.
    await _drop_outdated(collection)
    return await _add_missing(collection, _maybe_wrong())


async def adopt(collection: db.Collection, names: Mapping[str, str]) -> None:
    """Give names that a record had, by field, to one that was left out because of it."""
    if not names:
        return
    same = [
        {field: {"$eq": name, "$type": "string"}} for name in names.values() for field in NAMED_BY
    ]
    async with db.errors():
        found = await collection.find(
            {"$or": same}, _WANTED, collation=db.CASE_INSENSITIVE
        ).to_list(BATCH)
        await _add(collection, found)


async def name_the_other(
    collection: db.Collection, fields: Mapping[str, Any], own_id: str | None
) -> Duplicate | None:
    """The error for the first of these fields whose name another record has; None if none does."""
    for field, name in names_of(fields).items():
        async with db.errors():
            record = await collection.find_one({NAMES_KEY: name, "_id": {"$ne": own_id}}, _WANTED)
        if record is None:
            continue
        theirs = {f: text for f, text in names_of(record).items() if text == name}
        # What an older node has changed since is not the record's any more: the first will do.
        has_it_there = field in theirs or not theirs
        other_field = field if has_it_there else next(iter(theirs))
        written = str(record.get(other_field))
        if other_field != field:
            return Duplicate(field, str(record["_id"]), written, other_field)
        return Duplicate(field, str(record["_id"]), None if written == fields[field] else written)
    return None


async def _drop_outdated(collection: db.Collection) -> None:
    updates: list[UpdateOne] = []
    async with db.errors():
        async for record in collection.find(_maybe_wrong(), _WANTED, batch_size=BATCH):
            stored, right = record.get(NAMES_KEY), set(names_of(record).values())
            kept = [name for name in stored_names(record) if name in right]
            if stored is not None and kept != stored:
                updates.append(
                    UpdateOne(
                        {"_id": record["_id"], NAMES_KEY: stored}, {"$set": {NAMES_KEY: kept}}
                    )
                )
            if len(updates) >= BATCH:
                await collection.bulk_write(updates, ordered=False)
                updates = []
        if updates:
            await collection.bulk_write(updates, ordered=False)


async def _add_missing(collection: db.Collection, among: db.Document) -> int:
    refused = 0
    batch: list[db.Document] = []
    async with db.errors():
        async for record in collection.find(among, _WANTED, batch_size=BATCH):
            batch.append(record)
            if len(batch) == BATCH:
                refused += await _add(collection, batch)
                batch = []
        return refused + await _add(collection, batch)


async def _add(collection: db.Collection, records: list[db.Document]) -> int:
    """Give records the names they lack, one by one: that one is taken says nothing of the other."""
    updates = [
        UpdateOne(
            {"_id": record["_id"], **{f: record.get(f) for f in NAMED_BY}},
            # In place of what is no list at all, there has to be one.
            [{"$set": {NAMES_KEY: {"$setUnion": [_stored(), [{"$literal": name}]]}}}],
        )
        for record in records
        for name in sorted(set(names_of(record).values()) - set(stored_names(record)))
    ]
    return len(await write_where_free(collection, updates))


def _maybe_wrong() -> db.Document:
    """A filter that MongoDB can answer: it lowers ASCII alone, so other letters are looked at."""
    expected = {"$setDifference": [[_lower(field) for field in NAMED_BY], [None, ""]]}
    return {"$expr": {"$not": {"$setEquals": [_stored(), expected]}}}


def _stored() -> db.Document:
    return {"$cond": [{"$isArray": f"${NAMES_KEY}"}, f"${NAMES_KEY}", []]}


def _lower(field: str) -> db.Document:
    is_text = {"$eq": [{"$type": f"${field}"}, "string"]}
    return {"$cond": [is_text, {"$toLower": {"$trim": {"input": f"${field}"}}}, None]}
