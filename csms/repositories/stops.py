"""Stops of transactions: each taken once, however often it is sent and whatever id it carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from pymongo import ReturnDocument

from csms import db
from csms.domain.transaction import LEFT_BEHIND, MATCHED_WITHOUT_ID, TransactionStatus
from csms.domain.transaction_stop import Stop
from csms.errors import DatabaseUnavailable, Duplicate
from csms.repositories.transactions import LONGEST, MAX_ACTIVE, Transactions

MAX_STOP_KEYS = 100
"""Of one transaction: by then the stops of before have been answered for long."""

_TRIES = 5
"""How often a stop looks again because another one has changed what it found."""


class _Changed(Exception):
    """The record is no longer as it was when it was read."""


class Stopped(NamedTuple):
    """What a stop came to: the transaction, or the orphan that is kept in its place."""

    transaction: db.Document
    is_matched: bool
    """Whether it was found to be the transaction's without its id."""

    @property
    def is_orphan(self) -> bool:
        """Whether no transaction was found."""
        return bool(self.transaction["status"] == TransactionStatus.ORPHANED)


class Stops:
    """Ends transactions as their charge points say."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._collection = transactions.collection

    async def stop(
        self, stop: Stop, now: datetime, progress: Mapping[int, Mapping[str, Any]] | None = None
    ) -> Stopped:
        """Store a stop, once.

        `progress` has newer fields of transactions than their records, by id.

        Raises:
            DatabaseUnavailable: it may not be stored; the charge point should send it again.
        """
        for _ in range(_TRIES):
            try:
                return await self._stop(stop, now, progress or {})
            except (Duplicate, _Changed):
                # The same stop at the same moment, or another change: see what it has made of it.
                continue
        raise DatabaseUnavailable("the transaction is being changed by others")

    async def _stop(
        self, stop: Stop, now: datetime, progress: Mapping[int, Mapping[str, Any]]
    ) -> Stopped:
        if stop.transaction_id is not None:
            own = await self._transactions.find(stop.charge_point_id, stop.transaction_id)
            if own is not None:
                return Stopped(await self._stop_own(stop, own, now, progress), False)
        earlier = await self._find_repeated(stop)
        transaction = await self._match(stop, earlier)
        if transaction is not None:
            if earlier is not None:
                stop = replace(stop, key=f"{stop.key}#{transaction['_id']}")
            if stop.needs_reading(transaction):
                stop = await self._with_readings(stop)
            flags = (MATCHED_WITHOUT_ID,)
            return Stopped(await self._complete(stop, transaction, now, progress, flags), True)
        if earlier is not None:
            await db.confirm(self._collection, earlier["_id"])
            return Stopped(earlier, earlier["status"] != TransactionStatus.ORPHANED)
        return Stopped(await self._keep_orphan(stop, now), False)

    async def _stop_own(
        self,
        stop: Stop,
        transaction: db.Document,
        now: datetime,
        progress: Mapping[int, Mapping[str, Any]],
    ) -> db.Document:
        if transaction["status"] != TransactionStatus.COMPLETED:
            return await self._complete(stop, transaction, now, progress, ())
        if stop.meter_stop is None and MATCHED_WITHOUT_ID in transaction["flags"]:
            # Its readings may have come after the stop that was thought to be its own.
            transaction = await self._transactions.registers.up_to_date(transaction)
        if await self._corrects(stop, transaction):
            return await self._update(
                stop,
                {
                    "_id": transaction["_id"],
                    "status": TransactionStatus.COMPLETED,
                    "stopKeys": transaction.get("stopKeys"),
                },
                stop.corrections(transaction, now),
            )
        await db.confirm(self._collection, transaction["_id"])
        return transaction

    async def _corrects(self, stop: Stop, transaction: db.Document) -> bool:
        """Whether a stop tells better than one before it how its transaction has ended."""
        if stop.replaces_guess(transaction):
            return True
        if not stop.corrects(transaction):
            return False
        return not await self._transactions.has_begun_after(transaction)

    async def _complete(
        self,
        stop: Stop,
        transaction: db.Document,
        now: datetime,
        progress: Mapping[int, Mapping[str, Any]],
        flags: tuple[str, ...],
    ) -> db.Document:
        if stop.needs_reading(transaction):
            transaction = await self._transactions.registers.up_to_date(transaction)
        newer = progress.get(transaction["_id"], {})
        on_record = transaction.get("lastReadingAt")
        if newer and (on_record is None or newer["lastReadingAt"] >= on_record):
            transaction = {**transaction, **newer}
        return await self._update(
            stop,
            {"_id": transaction["_id"], "status": transaction["status"]},
            stop.changes(transaction, now, flags),
        )

    async def _update(
        self, stop: Stop, expected: Mapping[str, Any], changes: Mapping[str, Any]
    ) -> db.Document:
        """Change a record that still is as expected.

        Raises:
            Duplicate: the same stop has ended another transaction.
            _Changed: it is not.
        """
        async with db.errors():
            stopped = await self._collection.find_one_and_update(
                expected,
                {
                    "$set": changes,
                    "$push": {"stopKeys": {"$each": [stop.key], "$slice": -MAX_STOP_KEYS}},
                },
                return_document=ReturnDocument.AFTER,
            )
        if stopped is None:
            raise _Changed
        return stopped

    async def _match(self, stop: Stop, earlier: Mapping[str, Any] | None) -> db.Document | None:
        """The one active transaction that a stop without a usable id fits.

        `earlier` is what a stop of the same content has ended. A charge point whose clock was
        never set may end several transactions with the same words, but none that began before.
        """
        if earlier is not None and stop.time.usable:
            return None
        since = None if earlier is None else earlier.get("stopReceivedAt") or earlier["updatedAt"]
        query = {"chargePointId": stop.charge_point_id, "status": TransactionStatus.ACTIVE}
        async with db.errors():
            active = await self._collection.find(query).to_list(MAX_ACTIVE)
        fitting = [
            transaction
            for transaction in active
            if stop.fits(transaction) and (since is None or transaction["createdAt"] > since)
        ]
        if len(fitting) > 1:
            # One that its charge point has forgotten is hardly the one that it stops.
            fitting = [one for one in fitting if LEFT_BEHIND not in one["flags"]]
        return fitting[0] if len(fitting) == 1 else None

    async def _find_repeated(self, stop: Stop) -> db.Document | None:
        """The transaction or the orphan that this very stop has ended or made before."""
        async with db.errors():
            found = await self._collection.find(
                {"stopKeys": {"$eq": stop.key, "$type": "string"}}
            ).to_list(1)
            if found:
                return found[0]
            former = await self._collection.find_one(
                {
                    "startKey": stop.former_key,
                    "stopIdTag": stop.id_tag,
                    # The parts of that key may have its separator in them.
                    "chargePointId": stop.charge_point_id,
                }
            )
        return former or await self._find_same_end(stop)

    async def _find_same_end(self, stop: Stop) -> db.Document | None:
        """The transaction that ended at the same time and register, where the id was lost since."""
        if stop.transaction_id is not None or stop.meter_stop is None or not stop.time.usable:
            return None
        time = stop.time.time
        query: dict[str, Any] = {
            "chargePointId": stop.charge_point_id,
            "startTimestamp": {"$lte": time, "$gte": time - LONGEST},
            "status": TransactionStatus.COMPLETED,
            "stopTimestamp": time,
            "meterStop": stop.meter_stop,
            "stopIdTag": stop.id_tag,
        }
        if stop.connector_id is not None:
            query["connectorId"] = stop.connector_id
        async with db.errors():
            return await self._collection.find_one(query)

    async def _with_readings(self, stop: Stop) -> Stop:
        """The stop with the readings that were sent under its id, which is not on record."""
        if stop.transaction_id is None:
            return stop
        readings = await self._transactions.registers.reported_as(
            stop.charge_point_id, stop.transaction_id, stop.ended_at
        )
        return stop.with_readings(readings)

    async def _keep_orphan(self, stop: Stop, now: datetime) -> db.Document:
        stop = await self._with_readings(stop)
        document = stop.orphan(await self._transactions.ids.next(), now)
        async with db.errors():
            await self._collection.insert_one(document)
        return document
