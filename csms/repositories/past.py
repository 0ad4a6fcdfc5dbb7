"""Whether something is on record about a charge point beside its own record.

What a charge point did stays when its record is deleted, and shows again under a new record with
the same id.
"""

from __future__ import annotations

from typing import Final

from csms import db

COLLECTIONS: Final = (
    "transactions", "boot_notifications", "meter_values", "commands", "security_events",
    "certificates", "jobs", "alarms",
)  # fmt: skip


async def has_past(database: db.Database, charge_point_id: str) -> bool:
    """Whether there is anything under this id."""
    async with db.errors():
        for name in COLLECTIONS:
            if await database[name].find_one({"chargePointId": charge_point_id}, {"_id": 1}):
                return True
    return False
