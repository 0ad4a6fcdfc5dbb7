"""`transactions`: charging sessions, each start and stop taken once however often it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from pymongo import DESCENDING, ReturnDocument

from csms import db
from csms.domain.id_tag import IdTagInfo, fold
from csms.domain.meter_value import energy_register
from csms.domain.sampled_value import DEFAULT_MEASURAND
from csms.domain.transaction import Start, Stop, TransactionStatus, abandoned, closed
from csms.errors import Duplicate, FieldError, InvalidInput, NotFound
from csms.repositories.counters import Ids


class Transactions:
    """Reads and writes transactions."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["transactions"]
        self._meter_values: db.Collection = database["meter_values"]
        self._starting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._ids = Ids(database, "transactionId")

    def starting(self, id_tag: str) -> asyncio.Lock:
        """Held while a start with this id tag is decided, so that two do not share one slot."""
        return self._starting.setdefault(fold(id_tag), asyncio.Lock())

    async def get(self, transaction_id: int) -> db.Document:
        """The transaction with this id.

        Raises:
            NotFound: there is none.
        """
        async with db.errors():
            transaction = await self.collection.find_one({"_id": transaction_id})
        if transaction is None:
            raise NotFound("transaction", transaction_id)
        return transaction

    async def find(self, charge_point_id: str, transaction_id: int) -> db.Document | None:
        """This charge point's transaction with this id."""
        async with db.errors():
            return await self.collection.find_one(
                {
                    "_id": transaction_id,
                    "chargePointId": charge_point_id,
                    "status": {"$ne": TransactionStatus.ORPHANED},
                }
            )

    async def find_start(self, start: Start) -> db.Document | None:
        """The transaction that this very start made before, if it is a retry."""
        async with db.errors():
            return await self.collection.find_one({"startKey": start.key})

    async def count_active(self, id_tag: str) -> int:
        """How many transactions that an id tag was let start are running, on any charge point."""
        async with db.errors():
            return await self.collection.count_documents(
                {
                    "idTagFolded": fold(id_tag),
                    "status": TransactionStatus.ACTIVE,
                    "authorizationStatus": "Accepted",
                }
            )

    async def start(
        self, start: Start, info: IdTagInfo, now: datetime, flags: Sequence[str] = ()
    ) -> db.Document:
        """Store a new transaction and return it; for a retry, the one that is there already.

        An older one that is active on the connector ends as abandoned. `flags` name what looks
        wrong with this one, besides what its own payload shows.
        """
        document = start.document(await self._ids.next(), info, now)
        document["flags"] += flags
        try:
            async with db.errors():
                await self.collection.insert_one(document)
        except Duplicate:
            earlier = await self.find_start(start)
            if earlier is None:
                raise
            await db.confirm(self.collection, earlier["_id"])
            document = earlier
        # For a retry as well: the first attempt may have died between the two writes.
        await self._abandon_older(document, now)
        return document

    async def stop(self, stop: Stop, now: datetime) -> db.Document:
        """Store a stop, once; returns the transaction, or the orphan kept in its place."""
        transaction = await self.find(stop.charge_point_id, stop.transaction_id)
        if transaction is None:
            return await self._keep_orphan(stop, now)
        if transaction["status"] == TransactionStatus.COMPLETED:
            await db.confirm(self.collection, transaction["_id"])
            return transaction
        async with db.errors():
            stopped = await self.collection.find_one_and_update(
                {"_id": transaction["_id"], "status": {"$ne": TransactionStatus.COMPLETED}},
                {"$set": stop.changes(transaction, now)},
                return_document=ReturnDocument.AFTER,
            )
        return stopped or transaction

    async def close(self, transaction_id: int, by: str, now: datetime) -> db.Document:
        """End a stuck transaction in the record alone.

        Raises:
            NotFound: there is none.
            InvalidInput: it is not active.
        """
        transaction = await self.get(transaction_id)
        ended = await self._end(
            transaction, closed(transaction, await self.last_register(transaction), by, now)
        )
        if ended is None:
            status = transaction["status"]
            raise InvalidInput(
                FieldError("transactionId", f"is {status}; only an Active one can be closed")
            )
        return ended

    async def link_command(self, transaction_id: int, command_id: str) -> None:
        """Note the RemoteStartTransaction that a transaction came from."""
        async with db.errors():
            await self.collection.update_one(
                {"_id": transaction_id}, {"$set": {"commandId": command_id}}
            )

    async def last_register(self, transaction: Mapping[str, Any]) -> float | None:
        """The last energy register known of a transaction, Wh."""
        async with db.errors():
            document = await self._meter_values.find_one(
                {
                    "transactionId": {"$eq": transaction["_id"], "$gt": 0},
                    "chargePointId": transaction["chargePointId"],
                    "sampledValue": {"$elemMatch": {"measurand": DEFAULT_MEASURAND, "phase": None}},
                },
                sort=[("timestamp", DESCENDING)],
            )
        return None if document is None else energy_register(document)

    async def _abandon_older(self, started: db.Document, now: datetime) -> None:
        async with db.errors():
            older = await self.collection.find(
                {
                    "chargePointId": started["chargePointId"],
                    "connectorId": started["connectorId"],
                    "status": TransactionStatus.ACTIVE,
                    "_id": {"$ne": started["_id"]},
                    "createdAt": {"$lte": started["createdAt"]},
                }
            ).to_list(100)
        for transaction in older:
            register = await self.last_register(transaction)
            await self._end(transaction, abandoned(transaction, register, now))

    async def _end(
        self, transaction: Mapping[str, Any], changes: Mapping[str, Any]
    ) -> db.Document | None:
        async with db.errors():
            return await self.collection.find_one_and_update(
                {"_id": transaction["_id"], "status": TransactionStatus.ACTIVE},
                {"$set": changes},
                return_document=ReturnDocument.AFTER,
            )

    async def _keep_orphan(self, stop: Stop, now: datetime) -> db.Document:
        async with db.errors():
            earlier = await self.collection.find_one({"startKey": stop.orphan_key})
        if earlier is not None:
            await db.confirm(self.collection, earlier["_id"])
            return earlier
        document = stop.orphan(await self._ids.next(), now)
        try:
            async with db.errors():
                await self.collection.insert_one(document)
        except Duplicate:
            return await self._keep_orphan(stop, now)
        return document
