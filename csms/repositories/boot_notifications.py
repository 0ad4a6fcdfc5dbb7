"""`boot_notifications` (capped): every BootNotification as it was received, with the verdict."""

from __future__ import annotations

from datetime import datetime

from pymongo import DESCENDING

from csms import db


class BootNotifications:
    """Reads boots; they are written by group commit."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["boot_notifications"]

    async def last(self, charge_point_id: str, since: datetime) -> db.Document | None:
        """A charge point's latest boot, if it was not before `since`."""
        async with db.errors():
            return await self.collection.find_one(
                {"chargePointId": charge_point_id, "receivedAt": {"$gte": since}},
                sort=[("receivedAt", DESCENDING), ("_id", DESCENDING)],
            )
