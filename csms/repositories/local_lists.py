"""`local_lists`: the local authorization list that each charge point has accepted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from csms import db
from csms.domain.local_list import updated


class LocalLists:
    """Reads and writes local lists; the `_id` is the charge point's."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["local_lists"]

    async def find(self, charge_point_id: str) -> db.Document | None:
        """What is known of a charge point's list."""
        async with db.errors():
            return await self.collection.find_one({"_id": charge_point_id})

    async def apply(self, charge_point_id: str, update: Mapping[str, Any], now: datetime) -> None:
        """Keep what a SendLocalList.req that was accepted has made of the list."""
        known = await self.find(charge_point_id) or {}
        fields = {
            "listVersion": update["listVersion"],
            "entries": updated(known.get("entries") or (), update),
            "updatedAt": now,
        }
        await self._set(charge_point_id, fields)

    async def note_version(self, charge_point_id: str, version: int) -> None:
        """Keep the version that the charge point has told."""
        await self._set(charge_point_id, {"reportedVersion": version})

    async def _set(self, charge_point_id: str, fields: Mapping[str, Any]) -> None:
        async with db.errors():
            await self.collection.update_one(
                {"_id": charge_point_id}, {"$set": fields}, upsert=True
            )
