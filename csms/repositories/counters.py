"""`counters`: numbers that are given out once, whatever node asks."""

from __future__ import annotations

import asyncio

from pymongo import ReturnDocument

from csms import db

BLOCK = 50
MAX_INT32 = 2**31 - 1


class TransactionIds:
    """Transaction ids: positive int32. A node takes a block at a time, so most cost no write."""

    def __init__(self, database: db.Database) -> None:
        self._counters = database["counters"]
        self._free = iter(range(0))
        self._lock = asyncio.Lock()

    async def next(self) -> int:
        """An id that was never given before.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        async with self._lock:
            for transaction_id in self._free:
                return transaction_id
            last = await self._take_block()
            self._free = iter(range(last - BLOCK + 1, last + 1))
            return next(self._free)

    async def _take_block(self) -> int:
        async with db.errors():
            counter = await self._counters.find_one_and_update(
                {"_id": "transactionId"},
                {"$inc": {"value": BLOCK}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        value = int(counter["value"])
        if value > MAX_INT32:
            raise OverflowError("all transaction ids are used up")
        return value
