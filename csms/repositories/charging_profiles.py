"""`charging_profiles`: what each charge point has accepted, and was not told to forget since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csms import db
from csms.domain.charging_profile import TX


class ChargingProfiles:
    """Reads and writes charging profiles."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["charging_profiles"]

    async def put(self, record: db.Document) -> None:
        """Store an accepted profile in place of those that it replaces (OCPP 1.6, 5.16.2).

        These are the one with its id, and the one on its connector with its purpose and level.
        """
        same_charge_point = {"chargePointId": record["chargePointId"]}
        same_place = {
            name: record[name]
            for name in ("connectorId", "chargingProfilePurpose", "stackLevel", "transactionId")
        }
        same_id = {"chargingProfileId": record["chargingProfileId"]}
        # Inserted first: a profile that is there twice for a moment is no harm, a lost one is.
        async with db.errors():
            inserted = await self.collection.insert_one(record)
            await self.collection.delete_many(
                {
                    **same_charge_point,
                    "$or": [same_id, same_place],
                    "_id": {"$ne": inserted.inserted_id},
                }
            )

    async def clear(self, charge_point_id: str, criteria: Mapping[str, Any]) -> None:
        """Forget what fits a ClearChargingProfile.req: everything, if it names nothing (5.5)."""
        names = {
            "id": "chargingProfileId",
            "connectorId": "connectorId",
            "chargingProfilePurpose": "chargingProfilePurpose",
            "stackLevel": "stackLevel",
        }
        found = {ours: criteria[theirs] for theirs, ours in names.items() if theirs in criteria}
        async with db.errors():
            await self.collection.delete_many({"chargePointId": charge_point_id, **found})

    async def link(
        self, charge_point_id: str, connector_id: int | None, transaction_id: int
    ) -> None:
        """Give a profile that came with a RemoteStart the transaction it was for."""
        async with db.errors():
            await self.collection.update_one(
                {
                    "chargePointId": charge_point_id,
                    "chargingProfilePurpose": TX,
                    "transactionId": None,
                    "connectorId": {"$in": [connector_id, None]},
                },
                {"$set": {"transactionId": transaction_id, "connectorId": connector_id}},
            )

    async def end(self, charge_point_id: str, transaction_id: int) -> None:
        """Forget the profiles of a transaction that has ended (3.13.1)."""
        async with db.errors():
            await self.collection.delete_many(
                {"chargePointId": charge_point_id, "transactionId": transaction_id}
            )
