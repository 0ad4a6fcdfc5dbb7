"""`reservations`: what was reserved for whom, and what became of it."""

from __future__ import annotations

from datetime import datetime

from csms import db
from csms.domain.reservation import ReservationStatus, record_id
from csms.repositories.counters import Ids


class Reservations:
    """Reads and writes reservations."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["reservations"]
        self._ids = Ids(database, "reservationId")

    async def next_id(self) -> int:
        """A reservation id that was never given before."""
        return await self._ids.next()

    async def put(self, record: db.Document) -> None:
        """Store a reservation; one with the same id is replaced, as at the charge point (5.13)."""
        async with db.errors():
            await self.collection.replace_one({"_id": record["_id"]}, record, upsert=True)

    async def find(self, charge_point_id: str, reservation_id: int) -> db.Document | None:
        """A charge point's reservation with this id."""
        async with db.errors():
            return await self.collection.find_one(
                {"_id": record_id(charge_point_id, reservation_id)}
            )

    async def cancel(self, charge_point_id: str, reservation_id: int, now: datetime) -> None:
        """Note that the charge point has cancelled a reservation."""
        await self._end(charge_point_id, reservation_id, ReservationStatus.CANCELLED, now)

    async def use(
        self, charge_point_id: str, reservation_id: int, transaction_id: int, now: datetime
    ) -> None:
        """Note the transaction that a reservation led to."""
        await self._end(
            charge_point_id, reservation_id, ReservationStatus.USED, now, transaction_id
        )

    async def expire(self, now: datetime) -> None:
        """Note which reservations have run out by now; no charge point says so."""
        async with db.errors():
            await self.collection.update_many(
                {"status": ReservationStatus.ACCEPTED, "expiryDate": {"$lte": now}},
                {"$set": {"status": ReservationStatus.EXPIRED, "updatedAt": now}},
            )

    async def _end(
        self,
        charge_point_id: str,
        reservation_id: int,
        status: ReservationStatus,
        now: datetime,
        transaction_id: int | None = None,
    ) -> None:
        # Expired ones too: what the charge point says of its reservation counts for more, and
        # transactions that began off line are told late.
        open_ones = [ReservationStatus.ACCEPTED, ReservationStatus.EXPIRED]
        async with db.errors():
            await self.collection.update_one(
                {
                    "_id": record_id(charge_point_id, reservation_id),
                    "status": {"$in": open_ones},
                },
                {"$set": {"status": status, "transactionId": transaction_id, "updatedAt": now}},
            )
