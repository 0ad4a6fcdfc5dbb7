"""What is told of one transaction beside its own record: where it came from, what was metered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from csms import db
from csms.domain.energy import start_register
from csms.domain.meter_value import energy_register
from csms.domain.reservation import record_id
from csms.domain.sampled_value import DEFAULT_MEASURAND
from csms.domain.transaction import TransactionStatus

MAX_MILLISECONDS = 3_000

READ_OF_TRANSACTION: Mapping[str, Any] = {
    "$and": [
        {"$eq": ["$transactionId", "$$id"]},
        {"$eq": ["$chargePointId", "$$owner"]},
    ]
}
"""Matches the readings of the transaction `$$id`, which is one of the charge point `$$owner`."""


@dataclass(frozen=True)
class Story:
    """`charge_point`, `command` and `reservation` are records; None where there is none.

    `reading_flags` counts the meter values that were flagged, by flag.
    """

    charge_point: db.Document | None
    command: db.Document | None
    reservation: db.Document | None
    reading_flags: dict[str, int]


class TransactionStories:
    """Reads what concerns one transaction, from several collections."""

    def __init__(self, database: db.Database) -> None:
        self._database = database

    async def tell(self, transaction: Mapping[str, Any]) -> Story:
        """Look everything up.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        charge_point_id = transaction["chargePointId"]
        reservation_id = transaction.get("reservationId")
        reserved = None if reservation_id is None else record_id(charge_point_id, reservation_id)
        return Story(
            await self._one("charge_points", charge_point_id),
            await self._one("commands", transaction.get("commandId")),
            await self._one("reservations", reserved),
            await self._reading_flags(transaction),
        )

    async def energies(self, transactions: Iterable[Mapping[str, Any]]) -> dict[int, float]:
        """The energies of transactions, Wh, by id; of active ones what they have had so far."""
        known = {one["_id"]: one for one in transactions}
        energies = {key: one["energyWh"] for key, one in known.items()}
        active = [k for k, one in known.items() if one["status"] == TransactionStatus.ACTIVE]
        if active:
            async with db.errors():
                found = self._database["transactions"].aggregate(_last_registers(active))
                for one in await found.to_list(None):
                    register = energy_register(one["last"][0]) if one["last"] else None
                    start = start_register(known[one["_id"]])
                    if register is not None and start is not None and register >= start:
                        energies[one["_id"]] = register - start
        return {key: energy for key, energy in energies.items() if energy is not None}

    async def _one(self, collection: str, key: str | None) -> db.Document | None:
        if key is None:
            return None
        async with db.errors():
            return await self._database[collection].find_one({"_id": key})

    async def _reading_flags(self, transaction: Mapping[str, Any]) -> dict[str, int]:
        pipeline: list[db.Document] = [
            {
                "$match": {
                    "transactionId": {"$eq": transaction["_id"], "$gt": 0},
                    "chargePointId": transaction["chargePointId"],
                }
            },
            {"$match": {"flags.0": {"$exists": True}}},
            {"$unwind": "$flags"},
            {"$group": {"_id": "$flags", "count": {"$sum": 1}}},
            {"$sort": {"_id": 1}},
        ]
        async with db.errors():
            found = (
                await self._database["meter_values"]
                .aggregate(pipeline, maxTimeMS=MAX_MILLISECONDS)
                .to_list(100)
            )
        return {flag["_id"]: flag["count"] for flag in found}


def _last_registers(transaction_ids: list[int]) -> list[db.Document]:
    """Transactions with the last reading of each that has the energy register."""
    return [
        {"$match": {"_id": {"$in": transaction_ids}}},
        {"$project": {"chargePointId": 1}},
        {
            "$lookup": {
                "from": "meter_values",
                "let": {"id": "$_id", "owner": "$chargePointId"},
                "pipeline": [
                    {
                        "$match": {
                            "$expr": READ_OF_TRANSACTION,
                            "transactionId": {"$gt": 0},
                            "sampledValue": {
                                "$elemMatch": {"measurand": DEFAULT_MEASURAND, "phase": None}
                            },
                        }
                    },
                    {"$sort": {"timestamp": -1}},
                    {"$limit": 1},
                ],
                "as": "last",
            }
        },
    ]
