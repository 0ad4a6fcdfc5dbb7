"""How the database is, as far as it tells."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pymongo.errors import OperationFailure

from csms import db

COLLECTIONS = (
    "charge_points",
    "meter_values",
    "transactions",
    "heartbeats",
    "messages",
    "boot_notifications",
    "commands",
    "id_tags",
    "rejected_connections",
    "security_events",
    "audit",
)


@dataclass(frozen=True)
class Member:
    """A member of the replica set."""

    name: str
    state: str


@dataclass(frozen=True)
class Size:
    """What a collection holds; `limit` is the size of a capped one, in bytes."""

    name: str
    documents: int
    bytes: int
    limit: int | None


@dataclass(frozen=True)
class Health:
    """The database at this moment. `milliseconds` is one question and its answer."""

    version: str
    milliseconds: float
    members: list[Member]
    sizes: list[Size]


async def read_health(database: db.Database) -> Health:
    """Ask the database how it is.

    Raises:
        DatabaseUnavailable: it does not say.
    """
    async with db.errors():
        started = time.perf_counter()
        await database.command("ping")
        milliseconds = (time.perf_counter() - started) * 1000
        info = await database.command("buildInfo")
        sizes = [await _size(database, name) for name in COLLECTIONS]
        return Health(info["version"], milliseconds, await _members(database), sizes)


async def _size(database: db.Database, name: str) -> Size:
    stages: list[db.Document] = [{"$collStats": {"storageStats": {}}}]
    found = await database[name].aggregate(stages).to_list(1)
    stats = found[0]["storageStats"]
    return Size(name, stats["count"], stats["size"], stats.get("maxSize"))


async def _members(database: db.Database) -> list[Member]:
    try:
        status = await database.client.admin.command("replSetGetStatus")
    except OperationFailure:
        # A user of the database alone may not ask.
        return []
    return [Member(member["name"], member["stateStr"]) for member in status["members"]]
