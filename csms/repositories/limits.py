"""`limits`: what all processes count together of failed sign-ins and tokens.

One document for each key, by the rule of `csms/domain/limiter.py` and the database's time. Keys
are stored as digests, for the name that somebody typed may be a password, and only until their
window ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import structlog
from pymongo import ReturnDocument, UpdateOne

from csms import db
from csms.domain.limiter import MAX_REMEMBERED, Limit, Limiter, Tally
from csms.errors import DatabaseUnavailable, Duplicate
from csms.repositories.lookups import Gathered
from csms.repositories.write_behind import WriteBehind

log = structlog.get_logger(__name__)

COLLECTION = "limits"
GATHERED_FOR = 0.2
"""Seconds in which what was noted is gathered before it is written."""
TRUSTED_FOR = 5.0
"""Seconds until the database is asked again about a key that is over."""
MAX_GATHERED = 200
"""Keys that are gathered at a time; what is noted of more counts in this process alone."""

Keyed = tuple[Limit, str]

_TALLY = {"count": 1, "left": {"$subtract": ["$endsAt", "$$NOW"]}}


class SharedLimiter:
    """Counts in MongoDB. What it knows to be over is answered from memory until it ends."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database[COLLECTION]
        self._found = Gathered(self._read)
        self._here = Limiter()
        self._closed: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Keys known to be over: until when that is trusted, and when their window ends."""
        self._noted: dict[str, tuple[Limit, int]] = {}
        self._writing = WriteBehind(self._store, GATHERED_FOR)

    def wait_here(self, limit: Limit, key: str, *, besides: int = 0) -> float:
        """Seconds that a key has to wait, as far as this process knows; asks no database.

        `besides` is how many are under way that may yet be noted.
        """
        record_id, now = _id_of(limit, key), time.monotonic()
        trusted_until, ends_at = self._closed.get(record_id, (0.0, 0.0))
        closed = max(1.0, ends_at - now) if now < trusted_until else 0.0
        return max(closed, self._here.tally(limit, record_id).wait(limit, besides=besides))

    async def tallies(self, *keys: Keyed) -> Sequence[Tally]:
        """What was counted of some keys.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        found = await asyncio.gather(*(self._found.find(_id_of(*key)) for key in keys))
        return [tally or Tally() for tally in found]

    async def count(self, limit: Limit, key: str) -> Tally:
        """Count an event; the tally includes it, and all of other processes before it.

        Raises:
            DatabaseUnavailable: it may not be counted.
        """
        record_id = _id_of(limit, key)
        try:
            tally = await self._count(record_id, limit)
        except Duplicate:
            # Another process made the document at the same time.
            tally = await self._count(record_id, limit)
        # The event that reaches the limit is the last that may happen.
        if limit.most and tally.count > limit.most:
            self._close(record_id, tally.left)
        return tally

    async def _count(self, record_id: str, limit: Limit) -> Tally:
        async with db.errors():
            document = await self.collection.find_one_and_update(
                {"_id": record_id},
                _counted(limit, 1),
                projection=_TALLY,
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        return _tally(document)

    async def give_back(self, limit: Limit, key: str) -> None:
        """Count an event no more, because it was no failure.

        Raises:
            DatabaseUnavailable: it may still be counted.
        """
        async with db.errors():
            await self.collection.update_one(
                {"_id": _id_of(limit, key), "count": {"$gt": 0}}, {"$inc": {"count": -1}}
            )

    async def forget(self, limit: Limit, key: str) -> None:
        """Count a key anew, from nothing.

        Raises:
            DatabaseUnavailable: it may still be counted.
        """
        async with db.errors():
            await self.collection.delete_one({"_id": _id_of(limit, key)})

    def note(self, limit: Limit, key: str) -> None:
        """Count an event of a kind that may come in floods; the others know soon."""
        record_id = _id_of(limit, key)
        self._here.count(limit, record_id)
        count = self._noted.get(record_id, (limit, 0))[1]
        if not count and len(self._noted) >= MAX_GATHERED:
            return
        self._noted[record_id] = limit, count + 1
        self._writing.soon()

    async def settled(self) -> None:
        """Return when what was noted is written, or could not be."""
        await self._writing.settled()

    async def _store(self) -> None:
        noted, self._noted = self._noted, {}
        try:
            await self._store_noted(noted)
        except (DatabaseUnavailable, Duplicate) as error:
            log.warning("failures_not_shared", keys=len(noted), error=str(error))

    async def _store_noted(self, noted: dict[str, tuple[Limit, int]]) -> None:
        operations = [
            UpdateOne({"_id": record_id}, _counted(limit, count), upsert=True)
            for record_id, (limit, count) in noted.items()
        ]
        async with db.errors():
            await self.collection.bulk_write(operations, ordered=False)
        for record_id, tally in (await self._read(set(noted))).items():
            limit, _ = noted[record_id]
            if tally.wait(limit):
                self._close(record_id, tally.left)

    async def _read(self, ids: set[str]) -> dict[str, Tally]:
        async with db.errors():
            documents = await self.collection.find({"_id": {"$in": list(ids)}}, _TALLY).to_list(
                None
            )
        return {document["_id"]: _tally(document) for document in documents}

    def _close(self, record_id: str, seconds: float) -> None:
        # Not for long: some of what was counted may be taken back.
        now = time.monotonic()
        self._closed[record_id] = now + min(seconds, TRUSTED_FOR), now + seconds
        self._closed.move_to_end(record_id)
        if len(self._closed) > MAX_REMEMBERED:
            self._closed.popitem(last=False)


def _id_of(limit: Limit, key: str) -> str:
    return f"{limit.name}:{hashlib.blake2b(key.encode(), digest_size=12).hexdigest()}"


def _tally(document: db.Document) -> Tally:
    left = float(document["left"] or 0) / 1000
    return Tally(document["count"], left) if left > 0 else Tally()


def _counted(limit: Limit, count: int) -> list[dict[str, Any]]:
    """The update that counts events in the window that runs, or begins one."""
    runs = {"$gt": ["$endsAt", "$$NOW"]}
    begins = {"$add": ["$$NOW", round(limit.window * 1000)]}
    return [
        {
            "$set": {
                "count": {"$cond": [runs, {"$add": ["$count", count]}, count]},
                "endsAt": {"$cond": [runs, "$endsAt", begins]},
            }
        }
    ]
