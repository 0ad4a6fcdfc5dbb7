"""What the page of one charge point shows beside its record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo import DESCENDING

from csms import db
from csms.domain.installed_certificate import CertificateUse

MAX_MESSAGES = 100
MOST_CERTIFICATES = 5
MAX_CHOICES = 200


@dataclass(frozen=True)
class MessageFilter:
    """Which messages of a charge point's log."""

    action: str | None = None
    direction: str | None = None
    failed: bool = False

    def matching(self, charge_point_id: str) -> dict[str, Any]:
        """The filter as MongoDB has it."""
        found: dict[str, Any] = {"chargePointId": charge_point_id}
        if self.action:
            found["action"] = self.action
        if self.direction:
            found["direction"] = self.direction
        if self.failed:
            found["error"] = {"$ne": None}
        return found


class ChargePointState:
    """Reads what concerns one charge point, from several collections."""

    def __init__(self, database: db.Database) -> None:
        self._database = database

    async def last_boot(self, charge_point_id: str) -> db.Document | None:
        """Its latest BootNotification."""
        found = await self._newest("boot_notifications", charge_point_id, "receivedAt", 1)
        return found[0] if found else None

    async def last_rejection(self, identity: str | None) -> db.Document | None:
        """The latest connection with its identity that was turned away."""
        if identity is None:
            return None
        async with db.errors():
            return await self._database["rejected_connections"].find_one(
                {"chargePointIdentity": identity}, sort=[("lastSeen", DESCENDING)]
            )

    async def messages(self, charge_point_id: str, wanted: MessageFilter) -> list[db.Document]:
        """Its latest messages, newest first."""
        found = self._database["messages"].find(wanted.matching(charge_point_id))
        async with db.errors():
            return await found.sort("at", DESCENDING).limit(MAX_MESSAGES).to_list(None)

    async def commands(self, charge_point_id: str) -> list[db.Document]:
        """The commands that it was sent last."""
        return await self._newest("commands", charge_point_id, "requestedAt", 8)

    async def certificates(self, charge_point_id: str) -> list[db.Document]:
        """Its own certificates that were sent last."""
        own = {"chargePointId": charge_point_id, "use": CertificateUse.CHARGE_POINT}
        order = [("createdAt", DESCENDING), ("_id", DESCENDING)]
        async with db.errors():
            found = self._database["certificates"].find(own, sort=order)
            return await found.limit(MOST_CERTIFICATES).to_list(None)

    async def transactions(self, charge_point_id: str) -> list[db.Document]:
        """Its latest transactions."""
        return await self._newest("transactions", charge_point_id, "startTimestamp", 8)

    async def active_transactions(self, charge_point_id: str) -> list[db.Document]:
        """Its transactions that have not ended."""
        found = self._database["transactions"].find(
            {"chargePointId": charge_point_id, "status": "Active"}
        )
        async with db.errors():
            return await found.sort("startTimestamp", DESCENDING).limit(MAX_CHOICES).to_list(None)

    async def reservations(self, charge_point_id: str) -> list[db.Document]:
        """Its reservations that hold."""
        found = self._database["reservations"].find(
            {"chargePointId": charge_point_id, "status": "Accepted"}
        )
        async with db.errors():
            return await found.limit(MAX_CHOICES).to_list(None)

    async def id_tags(self) -> list[str]:
        """Some id tags that may charge."""
        found = self._database["id_tags"].find({"status": "Accepted"}, {"idTag": 1})
        async with db.errors():
            return [tag["idTag"] for tag in await found.limit(MAX_CHOICES).to_list(None)]

    async def firmware_files(self) -> list[tuple[str, str]]:
        """The files that can be installed: id and name."""
        found = self._database["files.files"].find({"metadata.kind": "firmware"}, {"filename": 1})
        async with db.errors():
            files = await found.sort("uploadDate", DESCENDING).limit(MAX_CHOICES).to_list(None)
        return [(str(file["_id"]), file["filename"]) for file in files]

    async def _newest(
        self, collection: str, charge_point_id: str, sort_field: str, count: int
    ) -> list[db.Document]:
        found = self._database[collection].find({"chargePointId": charge_point_id})
        order = [(sort_field, DESCENDING), ("_id", DESCENDING)]
        async with db.errors():
            return await found.sort(order).limit(count).to_list(None)
