"""`credentials`: the hashes of charge points' authorization keys, apart from their records.

A record names its key by a reference (`domain/authorization_key.py`), in the fields that held the
hash itself until version 0.3.0. So who may read records reads no hashes; a key is replaced by
writing the record alone; and a node of an earlier version, which takes the reference for a hash
that no password fits, turns the charge point away rather than letting it in without a password.
Hashes in records count as they are. Such a node writes them there, and while one lives so do newer
ones, for it would turn a charge point away that uses its new key; they are moved when none is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection as Several
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pymongo import UpdateOne

from csms import db
from csms.domain.authorization_key import hash_key, is_reference, new_reference
from csms.domain.charge_point import KEY_FIELDS
from csms.repositories.lookups import Gathered

COLLECTION = "credentials"
BATCH = 500

KEEPS_KEYS_APART = "keepsKeysApart"
"""In `nodes`: set by nodes that know references, so from version 0.3.0."""


class StoredKeys:
    """Stores and finds the hashes that records refer to."""

    def __init__(self, database: db.Database) -> None:
        self._collection: db.Collection = database[COLLECTION]
        self._charge_points: db.Collection = database["charge_points"]
        self._nodes: db.Collection = database["nodes"]
        self._gathered = Gathered(self.hashes_of)
        self._added = Gathered(self._added_at)

    async def add(self, charge_point_id: str, key: str, now: datetime) -> str:
        """Store a key's hash; returns what to put into the record, a reference or the hash."""
        key_hash = await asyncio.to_thread(hash_key, key)
        return (await self.add_all({charge_point_id: key_hash}, now))[charge_point_id]

    async def add_all(self, hashes: Mapping[str, str], now: datetime) -> dict[str, str]:
        """Store hashes by charge point; returns what to put into their records."""
        if not hashes or await self._older_node_lives():
            return dict(hashes)
        return await self._add_apart(hashes, now)

    async def _add_apart(self, hashes: Mapping[str, str], now: datetime) -> dict[str, str]:
        documents = [_document(one, key_hash, now) for one, key_hash in hashes.items()]
        async with db.errors():
            await self._collection.insert_many(documents, ordered=False)
        return {document["chargePointId"]: document["_id"] for document in documents}

    async def hash_of(self, stored: str) -> str | None:
        """The hash that a record refers to, or has itself; None if there is none any more.

        Raises:
            DatabaseUnavailable: MongoDB did not answer in time.
        """
        return await self._gathered.find(stored) if is_reference(stored) else stored

    async def hashes_of(self, stored: Several[str]) -> dict[str, str]:
        """The same for many, by what stands in the records."""
        found = {text: text for text in stored if not is_reference(text)}
        references = [text for text in stored if text not in found]
        if references:
            async with db.errors():
                documents = self._collection.find({"_id": {"$in": references}})
                found |= {one["_id"]: one["hash"] async for one in documents}
        return found

    async def added_at(self, stored: str) -> datetime | None:
        """When the key was set that a record refers to; None if that is not known.

        Raises:
            DatabaseUnavailable: MongoDB did not answer in time.
        """
        return await self._added.find(stored) if is_reference(stored) else None

    async def _added_at(self, references: Several[str]) -> dict[str, datetime]:
        async with db.errors():
            documents = self._collection.find({"_id": {"$in": list(references)}}, {"createdAt": 1})
            return {one["_id"]: one["createdAt"] async for one in documents}

    async def as_shown(self, record: Mapping[str, Any], shown: str | None) -> Mapping[str, Any]:
        """A record, with a key that was moved since it was shown as it stood there then.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        if shown is None or is_reference(shown):
            return record
        stored = {field: str(record.get(field)) for field in KEY_FIELDS}
        moved = {field: text for field, text in stored.items() if is_reference(text)}
        hashes = await self.hashes_of(moved.values())
        return {**record, **{f: shown for f, text in moved.items() if hashes.get(text) == shown}}

    async def forget(self, before: Iterable[Mapping[str, Any]]) -> None:
        """Delete the hashes that records referred to and do not any more."""
        texts = {str(record.get(field)) for record in before for field in KEY_FIELDS}
        references = [text for text in texts if is_reference(text)]
        if references:
            async with db.errors():
                await self._collection.delete_many({"_id": {"$in": references}})

    async def move(self, own_node_id: str, now: datetime) -> int | None:
        """Move hashes that stand in records; None while a node lives that looks for them there.

        It may be interrupted, and run on several nodes: a hash leaves its record only when it is
        stored here, and only if the record still has it.
        """
        if await self._older_node_lives(own_node_id):
            return None
        moved = 0
        for field in KEY_FIELDS:
            while batch := await self._with_hash(field):
                moved += await self._move(field, batch, now)
        return moved

    async def put_back(self) -> int:
        """Put the hashes into the records, for version 0.2.0; returns how many.

        Nodes of this version must not run: they would move them again.
        """
        restored = 0
        async with db.errors():
            async for stored in self._collection.find(batch_size=BATCH):
                for field in KEY_FIELDS:
                    result = await self._charge_points.update_one(
                        {"_id": stored["chargePointId"], field: stored["_id"]},
                        {"$set": {field: stored["hash"]}},
                    )
                    restored += result.modified_count
        return restored

    async def _older_node_lives(self, own_node_id: str | None = None) -> bool:
        older: db.Document = {
            "_id": {"$ne": own_node_id},
            KEEPS_KEYS_APART: None,
            "$expr": {"$gte": ["$leaseUntil", "$$NOW"]},
        }
        async with db.errors():
            return await self._nodes.find_one(older, {"_id": 1}) is not None

    async def _with_hash(self, field: str) -> list[db.Document]:
        async with db.errors():
            found = self._charge_points.find({field: db.KEY_HASH}, {field: 1}).limit(BATCH)
            return list(await found.to_list(BATCH))

    async def _move(self, field: str, batch: Several[db.Document], now: datetime) -> int:
        hashes = {str(record["_id"]): str(record[field]) for record in batch}
        references = await self._add_apart(hashes, now)
        updates = [
            UpdateOne({"_id": one, field: hashes[one]}, {"$set": {field: reference}})
            for one, reference in references.items()
        ]
        async with db.errors():
            result = await self._charge_points.bulk_write(updates, ordered=False)
        return result.modified_count


def _document(charge_point_id: str, key_hash: str, now: datetime) -> db.Document:
    return {
        "_id": new_reference(),
        "chargePointId": charge_point_id,
        "hash": key_hash,
        "createdAt": now,
    }
