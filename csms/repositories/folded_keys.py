"""Keeps the folded keys of charge points in step with ids and identities, and names who has one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymongo import UpdateOne

from csms import db
from csms.domain.folded_keys import (
    FOLDED_KEYS,
    NAMED_BY,
    NAMES_KEY,
    folded_keys,
    names_of,
)
from csms.domain.text import nfc
from csms.errors import Duplicate
from csms.repositories import names
from csms.repositories.unique_writes import write_where_free

BATCH = 1_000
_WANTED = dict.fromkeys((*FOLDED_KEYS, *FOLDED_KEYS.values()), 1)


@dataclass(frozen=True, slots=True)
class Collision:
    """Two records with ids, or names, that differ only in case or in normal form, if at all.

    `field` is that of the one record, `other_field` that of the other.
    """

    field: str
    one: str
    other: str
    other_field: str

    def __str__(self) -> str:
        if self.field == self.other_field:
            return f"{self.one} and {self.other} ({self.field})"
        return f"{self.one} ({self.field}) and {self.other} ({self.other_field})"


async def name_the_other(
    collection: db.Collection,
    duplicate: Duplicate,
    fields: Mapping[str, Any],
    own_id: str | None = None,
) -> Duplicate:
    """The same error, with the record that has the value. `own_id` is the record that may not."""
    if duplicate.field == NAMES_KEY:
        named = await names.name_the_other(collection, fields, own_id)
        # It is gone since, or has the name no more.
        return named or Duplicate(next(iter(names_of(fields)), NAMED_BY[0]))
    field = "_id" if duplicate.field == "id" else duplicate.field
    value = fields.get(field)
    if not isinstance(value, str):
        return duplicate
    same: list[db.Document] = [{field: {"$eq": value, "$type": "string"}}]
    same += [{key: text} for key, text in folded_keys({field: value}).items()]
    found: db.Document = {"$and": [{"$or": same}, {"_id": {"$ne": own_id}}]}
    collation = db.CASE_INSENSITIVE if field == "serialNumber" else None
    async with db.errors():
        record = await collection.find_one(found, {field: 1}, collation=collation)
    if record is None:
        # It is gone since, or has the value no more.
        return duplicate
    written = None if record[field] == value else str(record[field])
    return Duplicate(duplicate.field, str(record["_id"]), written)


async def refresh(collection: db.Collection) -> int:
    """Give every record the keys that it should have; returns how many it had to leave out.

    Nodes of version 0.1.0 write no keys, and change identities without them. A key that another
    record has is left out: the record works as before.
    """
    await _drop_outdated(collection)
    refused = 0
    batch: list[db.Document] = []
    async with db.errors():
        async for record in collection.find(_without_key(), _WANTED, batch_size=BATCH):
            batch.append(record)
            if len(batch) == BATCH:
                refused += await _add(collection, batch)
                batch = []
        if batch:
            refused += await _add(collection, batch)
    return refused


async def collisions(collection: db.Collection, most: int = 100) -> list[Collision]:
    """Records whose ids or names are the same without case and normal form, whatever keys say."""
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    found: list[Collision] = []
    wanted = dict.fromkeys((*FOLDED_KEYS.values(), *NAMED_BY), 1)
    async with db.errors():
        records = collection.find({}, wanted, batch_size=BATCH)
        async for record in records:
            own_id = str(record["_id"])
            for space, text, field in _texts(record):
                one, one_field = seen.setdefault((space, text), (own_id, field))
                if one != own_id and len(found) < most:
                    found.append(Collision(one_field, one, own_id, field))
    return found


def _texts(record: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What may collide in a record: the space in which it does, the folded text, its field."""
    own_id = folded_keys({"_id": record["_id"]})["idFolded"]
    ids = [] if own_id is None else [("id", own_id, "id")]
    return ids + [("name", name, field) for field, name in names_of(record).items()]


def _without_key() -> db.Document:
    missing = [{key: None, field: {"$type": "string"}} for key, field in FOLDED_KEYS.items()]
    return {"$or": missing}


def _missing(record: Mapping[str, Any]) -> dict[str, str]:
    keys = folded_keys(record).items()
    return {key: text for key, text in keys if text is not None and record.get(key) is None}


def _addition(record: Mapping[str, Any], keys: Mapping[str, str]) -> UpdateOne:
    unchanged = {FOLDED_KEYS[key]: record[FOLDED_KEYS[key]] for key in keys}
    absent = dict.fromkeys(keys)
    return UpdateOne({"_id": record["_id"], **unchanged, **absent}, {"$set": dict(keys)})


async def _add(collection: db.Collection, records: list[db.Document]) -> int:
    """Give a batch of records the keys they lack; returns how many of these are taken."""
    additions = [_addition(one, _missing(one)) for one in records]
    taken = await write_where_free(collection, additions)
    # That one key is taken says nothing of the other.
    singly = [
        _addition(records[index], {key: text})
        for index in taken
        for key, text in _missing(records[index]).items()
    ]
    return len(await write_where_free(collection, singly))


async def _drop_outdated(collection: db.Collection) -> None:
    """Remove keys of what a record no longer says, all of them before any is given anew."""
    updates: list[UpdateOne] = []
    async with db.errors():
        async for record in collection.find(_maybe_outdated(), _WANTED, batch_size=BATCH):
            right = folded_keys({field: record.get(field) for field in FOLDED_KEYS.values()})
            wrong = {key: record[key] for key in right if record.get(key) not in (None, right[key])}
            if wrong:
                unset = {"$unset": dict.fromkeys(wrong, "")}
                updates.append(UpdateOne({"_id": record["_id"], **wrong}, unset))
            if len(updates) >= BATCH:
                await collection.bulk_write(updates, ordered=False)
                updates = []
        if updates:
            await collection.bulk_write(updates, ordered=False)


def _maybe_outdated() -> db.Document:
    """A filter that MongoDB can answer: it lowers ASCII alone, so other letters are looked at."""
    different = [
        {
            "$and": [
                {"$eq": [{"$type": f"${key}"}, "string"]},
                {"$ne": [f"${key}", _lower(field)]},
            ]
        }
        for key, field in FOLDED_KEYS.items()
    ]
    return {"$expr": {"$or": different}}


def _lower(field: str) -> db.Document:
    is_text = {"$eq": [{"$type": f"${field}"}, "string"]}
    return {"$cond": [is_text, {"$toLower": f"${field}"}, None]}


async def find_same_text(collection: db.Collection, field: str, text: str) -> db.Document | None:
    """The record whose id or identity is this text in whatever normal form, but in this case."""
    key = next(key for key, of in FOLDED_KEYS.items() if of == field)
    async with db.errors():
        record = await collection.find_one({key: folded_keys({field: text})[key]})
    return record if record is not None and nfc(str(record[field])) == nfc(text) else None
