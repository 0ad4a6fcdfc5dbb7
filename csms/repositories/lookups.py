"""Reads of documents by a key: those that are asked for at the same time are read together.

Ten thousand charge points that come back at once are looked up with a few dozen queries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

from csms import db
from csms.domain.search import GRAMS

QUERIES_AT_ONCE = 2
MAX_KEYS = 500

Found = TypeVar("Found")


class Gathered(Generic[Found]):
    """Asks for what belongs to many keys at once."""

    def __init__(self, read: Callable[[set[str]], Awaitable[Mapping[str, Found]]]) -> None:
        """`read` finds what belongs to each of some keys; it may leave keys out."""
        self._read = read
        self._wanted: list[tuple[str, asyncio.Future[Found | None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = 0

    async def find(self, key: str) -> Found | None:
        """What belongs to a key; askers of the same key may get the same object."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Found | None] = loop.create_future()
        self._wanted.append((key, found))
        # Not by the tasks: one that has looked for the last time counts until the loop comes round.
        if self._running < QUERIES_AT_ONCE:
            self._running += 1
            # It starts when the loop comes round: all who ask until then are in it.
            task = loop.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await found

    async def _run(self) -> None:
        try:
            while self._wanted:
                batch, self._wanted = self._wanted[:MAX_KEYS], self._wanted[MAX_KEYS:]
                await self._answer(batch)
        finally:
            self._running -= 1

    async def _answer(self, batch: list[tuple[str, asyncio.Future[Found | None]]]) -> None:
        try:
            records = await self._read({key for key, _ in batch})
        except Exception as error:
            for _, found in batch:
                if not found.done():
                    found.set_exception(error)
        else:
            for key, found in batch:
                if not found.done():
                    found.set_result(records.get(key))


class Lookup:
    """Finds the document that has a value in a unique field."""

    def __init__(
        self, collection: db.TelemetryCollection, field: str, where: db.Document | None = None
    ) -> None:
        """`where` is what else must be true of a document."""
        self._collection = collection
        self._field = field
        self._where = where or {}
        self._gathered = Gathered(self._read)

    async def find(self, key: str) -> db.Document | None:
        """The document with this value as it is now, without what only searches need.

        Raises:
            DatabaseUnavailable: MongoDB did not answer in time.
        """
        return _copy(await self._gathered.find(key))

    async def _read(self, keys: set[str]) -> dict[str, db.Document]:
        query = {self._field: {"$in": list(keys), "$type": "string"}, **self._where}
        async with db.errors():
            records = await self._collection.find(query, {GRAMS: 0}).to_list(None)
        return {record[self._field]: record for record in records}


def _copy(record: Mapping[str, Any] | None) -> db.Document | None:
    return None if record is None else dict(record)
