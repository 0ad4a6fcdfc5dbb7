"""The last energy registers in `meter_values`: of a transaction, and of a connector."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import ExecutionTimeout

from csms import db
from csms.domain.energy import Registers, energy_of
from csms.domain.meter_value import energy_register
from csms.domain.sampled_value import DEFAULT_MEASURAND, MAX_NUMBER

MAX_MILLISECONDS = 3_000
LOOK_BACK = timedelta(days=2)
"""How old the readings may be that stand in for what a start or a stop does not say."""

_HAS_REGISTER = {
    "sampledValue": {
        "$elemMatch": {
            "measurand": DEFAULT_MEASURAND,
            "phase": None,
            "value": {"$gt": -MAX_NUMBER, "$lt": MAX_NUMBER},
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
        since = transaction.get("lastReadingAt")
        query: dict[str, Any] = {
            "transactionId": {"$eq": transaction["_id"], "$gt": 0},
            "chargePointId": transaction["chargePointId"],
            **_HAS_REGISTER,
        }
        if since is not None:
            query["timestamp"] = {"$gt": since}
        async with db.errors():
            reading = await self._meter_values.find_one(query, sort=[("timestamp", DESCENDING)])
        register = None if reading is None else energy_register(reading)
        if reading is None or register is None:
            return dict(transaction)
        read = {"lastMeter": register, "lastReadingAt": reading["timestamp"]}
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
                reading = await self._meter_values.find_one(
                    {**mine, "timestamp": recent, **_HAS_REGISTER},
                    sort=[("timestamp", DESCENDING)],
                    max_time_ms=MAX_MILLISECONDS,
                )
            except ExecutionTimeout:
                reading = None
            if reading is not None:
                return energy_register(reading)
            last = await self._transactions.find_one(mine, sort=[("startTimestamp", DESCENDING)])
        if last is None:
            return None
        known = (last.get("meterStop"), last.get("lastMeter"), last.get("meterStart"))
        return next((register for register in known if register is not None), None)

    async def reported_as(
        self, charge_point_id: str, reported_id: object, until: datetime
    ) -> Registers:
        """The first and last register that were sent under an id that is not on record."""
        query = {
            "chargePointId": charge_point_id,
            "timestamp": {"$gte": until - LOOK_BACK, "$lte": until},
            "reportedTransactionId": reported_id,
            **_HAS_REGISTER,
        }
        async with db.errors():
            try:
                found = [
                    await self._meter_values.find_one(
                        query, sort=[("timestamp", order)], max_time_ms=MAX_MILLISECONDS
                    )
                    for order in (ASCENDING, DESCENDING)
                ]
            except ExecutionTimeout:
                return Registers()
        first, last = found
        if first is None or last is None or first["_id"] == last["_id"]:
            return Registers(None, None if last is None else energy_register(last))
        return Registers(energy_register(first), energy_register(last))
