"""`transactions`: charging sessions. How they start, and how they are found; stops are apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from pymongo import DESCENDING, ReturnDocument

from csms import db
from csms.domain.id_tag import IdTagInfo, fold
from csms.domain.transaction import (
    LEFT_BEHIND,
    TransactionStatus,
    abandoned,
    closed,
    is_from_before,
)
from csms.domain.transaction_start import Start
from csms.errors import Duplicate, FieldError, InvalidInput, NotFound
from csms.repositories.counters import Ids
from csms.repositories.lookups import Gathered
from csms.repositories.meter_registers import MeterRegisters
from csms.repositories.tag_slots import Session, TagSlots

MAX_ACTIVE = 100
"""Active transactions of one charge point that are looked at."""

MAX_FOUND = 1000
"""Transactions of one connector that late readings may belong to."""

LONGEST = timedelta(days=7)
"""An ended transaction that began longer before a reading than this is not looked for."""


class Transactions:
    """Reads and writes transactions."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["transactions"]
        self.registers = MeterRegisters(database)
        self.ids = Ids(database, "transactionId")
        self.changes_by_others = 0
        """Rises with each transaction that this node ends without its charge point's doing."""
        self._starting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._slots = TagSlots(database)
        self._active = Gathered(self._find_active)

    def starting(self, id_tag: str) -> asyncio.Lock:
        """Held while a start with this id tag is decided, so that two do not share one slot."""
        return self._starting.setdefault(fold(id_tag), asyncio.Lock())

    # Finding

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

    async def get_up_to_date(self, transaction_id: int) -> db.Document:
        """The same; an active one with the energy of readings whose progress is still unwritten.

        Raises:
            NotFound: there is none.
        """
        transaction = await self.get(transaction_id)
        if transaction["status"] != TransactionStatus.ACTIVE:
            return transaction
        return await self.registers.up_to_date(transaction)

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

    async def charge_point_of(self, transaction_id: int) -> str | None:
        """The charge point whose transaction this is; None if it is not on record."""
        async with db.errors():
            found = await self.collection.find_one({"_id": transaction_id}, ["chargePointId"])
        return None if found is None else str(found["chargePointId"])

    async def active_of(self, charge_point_id: str) -> list[db.Document]:
        """A charge point's active transactions."""
        return list(await self._active.find(charge_point_id) or ())

    async def _find_active(self, charge_point_ids: set[str]) -> dict[str, list[db.Document]]:
        most = MAX_ACTIVE * len(charge_point_ids)
        found = await self._read_active({"$in": list(charge_point_ids)}, most)
        if len(found) == most and len(charge_point_ids) > 1:
            # One of them has so many that those of others may be missing.
            each = [await self._read_active(one, MAX_ACTIVE) for one in charge_point_ids]
            found = [transaction for own in each for transaction in own]
        active: dict[str, list[db.Document]] = {}
        for transaction in found:
            active.setdefault(transaction["chargePointId"], []).append(transaction)
        return active

    async def _read_active(self, charge_point_id: Any, most: int) -> list[db.Document]:
        query = {"chargePointId": charge_point_id, "status": TransactionStatus.ACTIVE}
        async with db.errors():
            return await self.collection.find(query, limit=most).to_list(most)

    async def begun_before(
        self, charge_point_id: str, connector_id: int, earliest: datetime, latest: datetime
    ) -> list[db.Document]:
        """The transactions of a connector that may cover times between these, newest first."""
        async with db.errors():
            return await self.collection.find(
                {
                    "chargePointId": charge_point_id,
                    "startTimestamp": {"$lte": latest, "$gte": earliest - LONGEST},
                    "connectorId": connector_id,
                    "status": {"$ne": TransactionStatus.ORPHANED},
                },
                ["startTimestamp", "stopTimestamp", "status"],
                sort=[("startTimestamp", DESCENDING)],
            ).to_list(MAX_FOUND)

    async def has_begun_after(self, transaction: Mapping[str, Any]) -> bool:
        """Whether another transaction has begun on the connector of this one since it did."""
        query = {
            "chargePointId": transaction["chargePointId"],
            "createdAt": {"$gt": transaction["createdAt"]},
            "_id": {"$ne": transaction["_id"]},
            "status": {"$ne": TransactionStatus.ORPHANED},
        }
        if transaction["connectorId"] is not None:
            query["connectorId"] = {"$in": [transaction["connectorId"], None]}
        async with db.errors():
            return await self.collection.find_one(query, {"_id": 1}) is not None

    async def count_active(
        self,
        id_tag: str,
        charge_point_id: str | None = None,
        connector_id: int | None = None,
        session: Session | None = None,
    ) -> int:
        """How many transactions that an id tag was let start are running, on any charge point.

        Not counted are those that their charge points have left behind, and those on the connector
        where the next one is about to start: it ends them.
        """
        query: dict[str, Any] = {
            "idTagFolded": fold(id_tag),
            "status": TransactionStatus.ACTIVE,
            "authorizationStatus": "Accepted",
            "flags": {"$ne": LEFT_BEHIND},
        }
        if connector_id is not None:
            query["$nor"] = [{"chargePointId": charge_point_id, "connectorId": connector_id}]
        async with db.errors():
            return await self.collection.count_documents(query, session=session)

    # Starting

    async def find_start(self, start: Start) -> db.Document | None:
        """The transaction that this very start made before, if it is a retry."""
        earlier = await self._latest_with_key(start)
        return earlier if earlier is not None and start.is_repeated_in(earlier) else None

    async def start(
        self,
        start: Start,
        info: IdTagInfo,
        now: datetime,
        flags: Sequence[str] = (),
        *,
        is_limited: bool = False,
        firmware_version: str | None = None,
        last_register: float | None = None,
    ) -> db.Document:
        """Store a new transaction and return it; for a retry, the one that is there already.

        An older one that is active on the connector ends as abandoned. `flags` name what looks
        wrong with this one, besides what its own payload shows. With `is_limited`, its id tag
        needs a free slot to be `Accepted`. `last_register` is what the connector's register was
        last, Wh, for a start that does not say.
        """
        transaction_id = await self.ids.next()
        start_key = _next_key(start, await self._latest_with_key(start))

        def make(has_slot: bool) -> db.Document:
            document = start.document(
                transaction_id,
                info if has_slot else info.without_slot,
                now,
                firmware_version=firmware_version,
                assumed_meter_start=last_register if start.meter_start is None else None,
            )
            document["flags"] += flags
            document["startKey"] = start_key
            return document

        try:
            document = await self._insert(start, make, is_limited and info.status == "Accepted")
        except Duplicate:
            earlier = await self.find_start(start)
            if earlier is None:
                raise
            await db.confirm(self.collection, earlier["_id"])
            document = earlier
        # For a retry as well: the first attempt may have died between the two writes.
        await self._abandon_older(document, now)
        return document

    async def _insert(
        self, start: Start, make: Callable[[bool], db.Document], needs_slot: bool
    ) -> db.Document:
        if needs_slot:

            def count(session: Session) -> Awaitable[int]:
                where = start.charge_point_id, start.connector_id
                return self.count_active(start.id_tag, *where, session)

            return await self._slots.insert(start.id_tag, count, make)
        document = make(True)
        async with db.errors():
            await self.collection.insert_one(document)
        return document

    async def link_command(self, transaction_id: int, command_id: str) -> None:
        """Note the RemoteStartTransaction that a transaction came from."""
        async with db.errors():
            await self.collection.update_one(
                {"_id": transaction_id}, {"$set": {"commandId": command_id}}
            )

    async def _latest_with_key(self, start: Start) -> db.Document | None:
        """The last transaction whose start had the same content; see `_next_key`."""
        mine = {"chargePointId": start.charge_point_id}
        keys: tuple[object, ...] = (start.key,)
        if not start.time.usable:
            # "$" is the character after "#".
            keys = ({"$gte": f"{start.key}#", "$lt": f"{start.key}$"}, start.key)
        async with db.errors():
            for key in keys:
                found = await self.collection.find(
                    {"startKey": key, **mine}, sort=[("startKey", DESCENDING)], limit=1
                ).to_list(1)
                if found:
                    return found[0]
        return None

    # Ending without a stop

    async def close(self, transaction_id: int, by: str, now: datetime) -> db.Document:
        """End a stuck transaction in the record alone.

        Raises:
            NotFound: there is none.
            InvalidInput: it is not active.
        """
        transaction = await self.get_up_to_date(transaction_id)
        ended = await self.end(transaction, closed(transaction, by, now))
        if ended is None:
            status = transaction["status"]
            raise InvalidInput(
                FieldError("transactionId", f"is {status}; only an Active one can be closed")
            )
        return ended

    async def abandon(self, transaction: Mapping[str, Any], now: datetime) -> db.Document | None:
        """End a transaction that its charge point has left; None if it has ended meanwhile."""
        transaction = await self.registers.up_to_date(transaction)
        return await self.end(transaction, abandoned(transaction, now))

    async def end(
        self, transaction: Mapping[str, Any], changes: Mapping[str, Any]
    ) -> db.Document | None:
        """Apply changes to a transaction that is still active; None if it is not."""
        async with db.errors():
            ended = await self.collection.find_one_and_update(
                {"_id": transaction["_id"], "status": TransactionStatus.ACTIVE},
                {"$set": changes},
                return_document=ReturnDocument.AFTER,
            )
        if ended is not None:
            self.changes_by_others += 1
        return ended

    async def _abandon_older(self, started: db.Document, now: datetime) -> None:
        # Without its connector, a start says nothing about the others.
        if started["connectorId"] is None:
            return
        async with db.errors():
            older = await self.collection.find(
                {
                    "chargePointId": started["chargePointId"],
                    "connectorId": started["connectorId"],
                    "status": TransactionStatus.ACTIVE,
                    "_id": {"$ne": started["_id"]},
                    "createdAt": {"$lte": started["createdAt"]},
                }
            ).to_list(MAX_ACTIVE)
        for transaction in older:
            if not is_from_before(started, transaction):
                await self.abandon(transaction, now)


def _next_key(start: Start, latest: Mapping[str, Any] | None) -> str:
    """The `startKey` of a start that is no retry of `latest`, the last with the same content.

    It is the same for all who try to store it at once: the unique index lets one of them.
    """
    if latest is None or start.is_repeated_in(latest):
        return start.key
    number = latest["startKey"].removeprefix(start.key).removeprefix("#")
    return f"{start.key}#{int(number or 0) + 1:010d}"
