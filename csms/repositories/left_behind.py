"""Transactions that their charge points have forgotten: flagged after a boot, closed when stale."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from csms import db
from csms.domain.times import MAX_SKEW
from csms.domain.transaction import LEFT_BEHIND, TransactionStatus
from csms.errors import DatabaseUnavailable
from csms.repositories.transactions import Transactions

log = structlog.get_logger(__name__)

AT_ONCE = 100
"""How many are closed in one go."""


class LeftBehind:
    """Marks transactions as left behind, and ends those that stay so."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._collection = transactions.collection

    async def flag(self, transaction_id: int, since: datetime) -> bool:
        """Flag an active transaction; False if it has ended or was flagged before."""
        async with db.errors():
            result = await self._collection.update_one(
                {
                    "_id": transaction_id,
                    "status": TransactionStatus.ACTIVE,
                    "flags": {"$ne": LEFT_BEHIND},
                },
                {"$addToSet": {"flags": LEFT_BEHIND}, "$set": {"leftBehindAt": since}},
            )
        return result.modified_count == 1

    async def unflag(self, transaction_id: int) -> None:
        """Take the flag from an active transaction that goes on after all."""
        async with db.errors():
            await self._collection.update_one(
                {"_id": transaction_id, "status": TransactionStatus.ACTIVE},
                {"$pull": {"flags": LEFT_BEHIND}, "$set": {"leftBehindAt": None}},
            )

    async def close_stale(self, after: timedelta, now: datetime) -> list[db.Document]:
        """Close some of those without a reading for so long; returns them.

        All nodes may do this at once: each transaction is closed by one of them.
        """
        since = now - after
        async with db.errors():
            stale = await self._collection.find(
                {
                    "status": TransactionStatus.ACTIVE,
                    "leftBehindAt": {"$lte": since, "$type": "date"},
                    # A clock that runs ahead says nothing of how long ago it was.
                    "$or": [
                        {"lastReadingAt": None},
                        {"lastReadingAt": {"$lte": since}},
                        {"lastReadingAt": {"$gt": now + MAX_SKEW}},
                    ],
                },
                sort=[("leftBehindAt", 1)],
                limit=AT_ONCE,
            ).to_list(AT_ONCE)
        closed = [await self._close(transaction, now) for transaction in stale]
        return [transaction for transaction in closed if transaction is not None]

    async def _close(self, transaction: db.Document, now: datetime) -> db.Document | None:
        try:
            return await self._transactions.abandon(transaction, now)
        except DatabaseUnavailable:
            raise
        except Exception:
            # What is odd about this one must not keep the others open.
            log.exception("stale_transaction_not_closed", transaction=transaction["_id"])
            return None
