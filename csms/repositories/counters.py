"""`counters`: numbers that are given out once, whatever node asks."""

from __future__ import annotations

import asyncio

from pymongo import ReturnDocument

from csms import db

BLOCK = 50
MAX_INT32 = 2**31 - 1


class Ids:
    """Ids of one kind: positive int32. A node takes a block at a time, so most cost no write."""

    def __init__(self, database: db.Database, kind: str) -> None:
        """`kind` is the name of the counter, such as "transactionId"."""
        self._counters = database["counters"]
        self._kind = kind
        self._free = iter(range(0))
        self._lock = asyncio.Lock()

    async def next(self) -> int:
        """An id that was never given before.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        async with self._lock:
            for free_id in self._free:
                return free_id
            last = await self._take_block()
            self._free = iter(range(last - BLOCK + 1, last + 1))
            return next(self._free)

    async def _take_block(self) -> int:
        async with db.errors():
            counter = await self._counters.find_one_and_update(
                {"_id": self._kind},
                {"$inc": {"value": BLOCK}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        value = int(counter["value"])
        if value > MAX_INT32:
            raise OverflowError(f"every {self._kind} is used up")
        return value
