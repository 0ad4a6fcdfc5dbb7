"""`id_tags`: who may charge. The `_id` is the tag without case."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, ReturnDocument

from csms import db
from csms.domain.id_tag import NewIdTag, fold
from csms.errors import Duplicate, NotFound


def new_record(new: NewIdTag, now: datetime) -> db.Document:
    """The record of an id tag that is added."""
    return {
        "_id": fold(new.idTag),
        "idTag": new.idTag,
        "status": new.status,
        "expiryDate": None,
        "parentIdTag": None,
        "parentIdTagFolded": None,
        "maxActiveTransactions": None,
        "note": None,
        **new.document(),
        "createdAt": now,
        "updatedAt": now,
    }


class IdTags:
    """Reads and writes id tags."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["id_tags"]

    async def find(self, id_tag: str) -> db.Document | None:
        """The record of an id tag."""
        async with db.errors():
            return await self.collection.find_one({"_id": fold(id_tag)})

    async def all(self) -> AsyncIterator[db.Document]:
        """Every record, in the order of the folded tags."""
        async with db.errors():
            async for record in self.collection.find(sort=[("_id", ASCENDING)]):
                yield record

    async def is_parent(self, id_tag: str) -> bool:
        """Whether other tags have this one as their group."""
        async with db.errors():
            child = await self.collection.find_one(
                {"parentIdTagFolded": {"$eq": fold(id_tag), "$type": "string"}}, {"_id": 1}
            )
        return child is not None

    async def count_children(self, records: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """How many id tags have each of these records as their group, by `_id`; none is left out.

        One query, however many records are given.
        """
        ids = [record["_id"] for record in records]
        pipeline: list[db.Document] = [
            {"$match": {"parentIdTagFolded": {"$in": ids, "$type": "string"}}},
            {"$group": {"_id": "$parentIdTagFolded", "count": {"$sum": 1}}},
        ]
        async with db.errors():
            found = {doc["_id"]: doc["count"] async for doc in self.collection.aggregate(pipeline)}
        return {record_id: found.get(record_id, 0) for record_id in ids}

    async def create(self, new: NewIdTag, now: datetime) -> db.Document:
        """Add an id tag.

        Raises:
            Duplicate: it is there already, perhaps in other case.
        """
        document = new_record(new, now)
        try:
            async with db.errors():
                await self.collection.insert_one(document)
        except Duplicate:
            other = (await self.find(new.idTag) or {}).get("idTag")
            written = other if other != new.idTag else None
            raise Duplicate("idTag", other, written) from None
        return document

    async def get(self, id_tag: str) -> db.Document:
        """The record of an id tag.

        Raises:
            NotFound: there is none.
        """
        record = await self.find(id_tag)
        if record is None:
            raise NotFound("id tag", id_tag)
        return record

    async def change(self, id_tag: str, fields: Mapping[str, Any], now: datetime) -> db.Document:
        """Set fields, and return the record as it is now.

        Raises:
            NotFound: there is no such id tag.
        """
        async with db.errors():
            record = await self.collection.find_one_and_update(
                {"_id": fold(id_tag)},
                {"$set": {**fields, "updatedAt": now}},
                return_document=ReturnDocument.AFTER,
            )
        if record is None:
            raise NotFound("id tag", id_tag)
        return record

    async def delete(self, id_tag: str) -> None:
        """Remove an id tag.

        Raises:
            NotFound: there is no such id tag.
        """
        async with db.errors():
            result = await self.collection.delete_one({"_id": fold(id_tag)})
        if result.deleted_count == 0:
            raise NotFound("id tag", id_tag)
