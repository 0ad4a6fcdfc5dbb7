"""`audit`: who changed what through the REST, and so through the pages. Never with a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from csms import db


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `fields` are the names of what was sent."""

    by: str
    by_id: str
    role: str
    method: str
    path: str
    fields: Sequence[str]
    status: int
    remote_address: str | None
    charge_point_id: str | None = None


class Audit:
    """Keeps the changes for a year."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["audit"]

    async def record(self, entry: Entry, now: datetime) -> None:
        """Store a change that was made.

        Raises:
            DatabaseUnavailable: it may not be stored.
        """
        async with db.errors():
            await self.collection.insert_one(
                {
                    "at": now,
                    "by": entry.by,
                    "byId": entry.by_id,
                    "role": entry.role,
                    "method": entry.method,
                    "path": entry.path,
                    "fields": list(entry.fields),
                    "status": entry.status,
                    "remoteAddress": entry.remote_address,
                    "chargePointId": entry.charge_point_id,
                }
            )
