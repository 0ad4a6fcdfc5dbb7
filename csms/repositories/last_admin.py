"""Keeps the last admin and the last admin token: a change that would take them away is undone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorClientSession

from csms import db
from csms.domain.api_token import Role
from csms.errors import LastAdmin

T = TypeVar("T")

COUNTER = "adminChanges"
"""In `counters`. Changes of two nodes at the same time meet in it, and one waits for the other."""


async def keep_an_admin(
    collection: db.Collection,
    among: Mapping[str, Any],
    change: Callable[[AsyncIOMotorClientSession], Awaitable[T]],
    remedy: str,
) -> T:
    """Make a change in a transaction; it stands if `collection` has an admin left after it.

    `among` is what else must be true of that admin. A change that takes no admin away may be made
    in whatever state.

    Raises:
        LastAdmin: nothing was changed; the error says `remedy`.
        DatabaseUnavailable: it may not be changed.
    """
    admins = {**among, "role": Role.ADMIN.value}
    counters = collection.database["counters"]

    async def run(session: AsyncIOMotorClientSession) -> T:
        # First, so that of two transactions at once the later begins again and sees the earlier.
        await counters.update_one({"_id": COUNTER}, {"$inc": {"value": 1}}, session=session)
        before = await collection.find_one(admins, {"_id": 1}, session=session)
        result = await change(session)
        after = await collection.find_one(admins, {"_id": 1}, session=session)
        if before is not None and after is None:
            raise LastAdmin(remedy)
        return result

    async with db.errors(), await collection.database.client.start_session() as session:
        # Two transactions that both made the document would not wait for each other.
        await counters.update_one({"_id": COUNTER}, {"$setOnInsert": {"value": 0}}, upsert=True)
        return await session.with_transaction(run)  # type: ignore[no-any-return]
