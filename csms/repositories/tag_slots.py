"""Starts with id tags that may have only so many transactions at once, on whatever node.

The id tag's record is written, its running transactions are counted and the new one is stored in
one transaction of MongoDB. Of two that overlap, the database lets one write the record; the other
begins again and counts the first. So there is no slot that a node could leave taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo import ReturnDocument, WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from csms import db
from csms.domain.id_tag import fold
from csms.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

TRIES = 30
PAUSE = 0.01
LONGEST_PAUSE = 0.2
"""Seconds between two tries. All tries take about five seconds."""

_TRANSIENT = "TransientTransactionError"
_MAJORITY = WriteConcern("majority", j=True)

Session = AsyncIOMotorClientSession
Count = Callable[[Session], Awaitable[int]]
"""Counts the transactions that take up slots."""
Make = Callable[[bool], db.Document]
"""Makes the document of a new transaction; it is given whether there was a slot."""


class TagSlots:
    """Stores transactions with id tags that have a limit."""

    def __init__(self, database: db.Database) -> None:
        self._client = database.client
        self._id_tags: db.Collection = database["id_tags"]
        self._transactions: db.Collection = database["transactions"]

    async def insert(self, id_tag: str, count: Count, make: Make) -> db.Document:
        """Store a new transaction, and return it.

        Raises:
            Duplicate: one with its `startKey` is there already.
            DatabaseUnavailable: it may not be stored.
        """
        async with db.errors():
            for attempt in range(TRIES):
                try:
                    return await self._insert(id_tag, count, make)
                except PyMongoError as error:
                    if not error.has_error_label(_TRANSIENT):
                        raise
                    log.debug("start_begins_again", error=type(error).__name__)
                await asyncio.sleep(min(LONGEST_PAUSE, PAUSE * (attempt + 1)))
        raise DatabaseUnavailable("others are starting with this id tag")

    async def _insert(self, id_tag: str, count: Count, make: Make) -> db.Document:
        options: dict[str, Any] = {
            "read_concern": ReadConcern("snapshot"),
            "write_concern": _MAJORITY,
        }
        async with (
            await self._client.start_session() as session,
            session.start_transaction(**options),
        ):
            # First of all: what is read after this, no other start with this tag can change.
            tag = await self._id_tags.find_one_and_update(
                {"_id": fold(id_tag)},
                {"$inc": {"limitedStarts": 1}},
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            limit = None if tag is None else tag.get("maxActiveTransactions")
            has_slot = limit is None or await count(session) < limit
            document = make(has_slot)
            await self._transactions.insert_one(document, session=session)
            return document
