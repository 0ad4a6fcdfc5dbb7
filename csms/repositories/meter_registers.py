"""The last energy registers in `meter_values`: of a transaction, and of a connector."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import ExecutionTimeout

from csms import db
from csms.domain.energy import Registers, energy_of, start_register
from csms.domain.meter_value import energy_register
from csms.domain.sampled_value import DEFAULT_MEASURAND, MAX_NUMBER
from csms.domain.transaction import TransactionStatus, has_usable_start

MAX_MILLISECONDS = 3_000
LOOK_BACK = timedelta(days=2)
"""How old the readings may be that stand in for what a start or a stop does not say."""

AT_ONCE = 20
"""Readings that are looked at to find the first or the last."""

_HAS_REGISTER = {
    "sampledValue": {
        "$elemMatch": {
            "measurand": DEFAULT_MEASURAND,
            "phase": None,
            "value": {"$gte": 0, "$lt": MAX_NUMBER},
        }
    }
}


class MeterRegisters:
    """Finds registers, Wh."""

    def __init__(self, database: db.Database) -> None:
        self._meter_values: db.Collection = database["meter_values"]
        self._transactions: db.Collection = database["transactions"]

    async def up_to_date(self, transaction: Mapping[str, Any]) -> db.Document:
        """A transaction with what was read of it since its progress was last written."""
        # Readings of a clock that was never set are as old as their receipt.
        time = "timestamp" if has_usable_start(transaction) else "receivedAt"
        since = transaction.get("lastReadingAt")
        query: dict[str, Any] = {
            "transactionId": {"$eq": transaction["_id"], "$gt": 0},
            "chargePointId": transaction["chargePointId"],
        }
        if since is not None:
            # Many clocks have no milliseconds: there may be more of the same second.
            query[time] = {"$gte": since}
        async with db.errors():
            reading = await self._first(query, time)
        if reading is None:
            return dict(transaction)
        read = {"lastMeter": energy_register(reading), "lastReadingAt": reading[time]}
        so_far = energy_of({**transaction, **read}, None).wh
        return {**transaction, **read, "energyWh": so_far}

    async def of_connector(
        self, charge_point_id: str, connector_id: int, now: datetime
    ) -> float | None:
        """The last register known of a connector, by its readings or its last transaction."""
        mine = {"chargePointId": charge_point_id, "connectorId": connector_id}
        recent = {"$gte": now - LOOK_BACK, "$lte": now + timedelta(minutes=5)}
        async with db.errors():
            try:
                reading = await self._first({**mine, "timestamp": recent}, limited=True)
            except ExecutionTimeout:
                reading = None
            # By our clock: theirs may have been set back since.
            last = await self._transactions.find_one(mine, sort=[("createdAt", DESCENDING)])
        if last is None:
            return None if reading is None else energy_register(reading)
        heard_at = last.get("stopReceivedAt") or last["createdAt"]
        if reading is not None and reading["receivedAt"] >= heard_at:
            return energy_register(reading)
        if last["status"] == TransactionStatus.ACTIVE:
            last = await self.up_to_date(last)
        known = (last.get("meterStop"), last.get("lastMeter"), start_register(last))
        return next((register for register in known if register is not None), None)

    async def reported_as(
        self, charge_point_id: str, reported_id: object, until: datetime
    ) -> Registers:
        """The first and last register that were sent under an id that is not on record."""
        query = {
            "chargePointId": charge_point_id,
            "timestamp": {"$gte": until - LOOK_BACK, "$lte": until},
            "reportedTransactionId": reported_id,
        }
        async with db.errors():
            try:
                first = await self._first(query, order=ASCENDING, limited=True)
                last = await self._first(query, limited=True)
            except ExecutionTimeout:
                return Registers()
        if first is None or last is None or first["_id"] == last["_id"]:
            return Registers(None, None if last is None else energy_register(last))
        return Registers(energy_register(first), energy_register(last))

    async def _first(
        self,
        query: Mapping[str, Any],
        time: str = "timestamp",
        order: int = DESCENDING,
        *,
        limited: bool = False,
    ) -> db.Document | None:
        """The first reading with a usable register, in the order of a time and of the receipt.

        Raises:
            ExecutionTimeout: the search is `limited`, and took too long.
        """
        found = await self._meter_values.find(
            {**query, **_HAS_REGISTER},
            sort=[(time, order)],
            limit=AT_ONCE,
            max_time_ms=MAX_MILLISECONDS if limited else None,
        ).to_list(AT_ONCE)
        usable = [reading for reading in found if energy_register(reading) is not None]
        choose = max if order == DESCENDING else min
        return choose(usable, key=lambda one: (one[time], one["receivedAt"]), default=None)
