"""`boot_notifications` (capped): every BootNotification as it was received, with the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import DESCENDING

from csms import db

_NEWEST = [("receivedAt", DESCENDING), ("_id", DESCENDING)]
MAX_KNOWN = 20
"""Boots of one charge point that are looked at when another one is waited for."""


class BootNotifications:
    """Reads boots; they are written by group commit."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["boot_notifications"]

    async def last(self, charge_point_id: str, since: datetime) -> db.Document | None:
        """A charge point's latest boot, if it was not before `since`."""
        async with db.errors():
            return await self.collection.find_one(
                {"chargePointId": charge_point_id, "receivedAt": {"$gte": since}},
                sort=_NEWEST,
            )

    async def newest_ids(self, charge_point_id: str) -> list[Any]:
        """The ids of a charge point's latest boots."""
        async with db.errors():
            found = await self.collection.find(
                {"chargePointId": charge_point_id}, {"_id": 1}, sort=_NEWEST, limit=MAX_KNOWN
            ).to_list(MAX_KNOWN)
        return [boot["_id"] for boot in found]

    async def other_than(self, charge_point_id: str, known: Sequence[Any]) -> db.Document | None:
        """A boot that has come since these were all; whatever the clocks of the nodes say."""
        async with db.errors():
            newest = await self.collection.find(
                {"chargePointId": charge_point_id}, sort=_NEWEST, limit=MAX_KNOWN
            ).to_list(MAX_KNOWN)
        return next((boot for boot in newest if boot["_id"] not in known), None)
