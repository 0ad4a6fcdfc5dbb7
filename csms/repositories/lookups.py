"""Reads of single documents: those that are asked for at the same time are read together.

Ten thousand charge points that come back at once are looked up with a few dozen queries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from csms import db
from csms.domain.search import GRAMS

QUERIES_AT_ONCE = 2
MAX_KEYS = 500


class Lookup:
    """Finds the document that has a value in a unique field."""

    def __init__(
        self, collection: db.TelemetryCollection, field: str, where: db.Document | None = None
    ) -> None:
        """`where` is what else must be true of a document."""
        self._collection = collection
        self._field = field
        self._where = where or {}
        self._wanted: list[tuple[str, asyncio.Future[db.Document | None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def find(self, key: str) -> db.Document | None:
        """The document with this value as it is now, without what only searches need.

        Raises:
            DatabaseUnavailable: MongoDB did not answer in time.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[db.Document | None] = loop.create_future()
        self._wanted.append((key, found))
        if len(self._tasks) < QUERIES_AT_ONCE:
            # It starts when the loop comes round: who asks until then is in it.
            task = loop.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await found

    async def _run(self) -> None:
        while self._wanted:
            batch, self._wanted = self._wanted[:MAX_KEYS], self._wanted[MAX_KEYS:]
            try:
                records = await self._read({key for key, _ in batch})
            except Exception as error:
                for _, found in batch:
                    if not found.done():
                        found.set_exception(error)
            else:
                for key, found in batch:
                    if not found.done():
                        found.set_result(_copy(records.get(key)))

    async def _read(self, keys: set[str]) -> dict[str, db.Document]:
        query = {self._field: {"$in": list(keys), "$type": "string"}, **self._where}
        async with db.errors():
            records = await self._collection.find(query, {GRAMS: 0}).to_list(None)
        return {record[self._field]: record for record in records}


def _copy(record: Mapping[str, Any] | None) -> db.Document | None:
    return None if record is None else dict(record)
