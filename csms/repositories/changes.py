"""What is written to the database while somebody follows it: change streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

from csms import db


@dataclass(frozen=True)
class Change:
    """One write. `fields` are those of the new document, or those that an update has set."""

    collection: str
    operation: str
    record_id: Any
    fields: db.Document = field(default_factory=dict)


async def follow(
    database: db.Database, pipeline: Sequence[db.Document], opened: asyncio.Event
) -> AsyncGenerator[Change, None]:
    """Every change from now on; sets `opened` when none can be missed any more.

    Raises:
        DatabaseUnavailable: MongoDB is away; what happens meanwhile is not told later.
    """
    async with db.errors():
        async with database.watch(pipeline) as stream:
            # The driver opens the stream no sooner than it is asked for the first change.
            first = await stream.try_next()
            opened.set()
            if first is not None:
                yield _change(first)
            async for change in stream:
                yield _change(change)


class Changes:
    """What other nodes have written that concerns this one: one change stream for all of it."""

    def __init__(self, database: db.Database, node_id: str) -> None:
        self._database = database
        self._node_id = node_id

    def follow(self, opened: asyncio.Event) -> AsyncGenerator[Change, None]:
        """As `follow` does, what concerns this node."""
        return follow(self._database, self._pipeline(), opened)

    def _pipeline(self) -> list[db.Document]:
        updated = "updateDescription.updatedFields"
        for_me: list[db.Document] = [
            {
                "ns.coll": "commands",
                "operationType": "insert",
                "fullDocument.nodeId": self._node_id,
                "fullDocument.originNodeId": {"$ne": self._node_id},
            },
            {
                "ns.coll": "commands",
                "operationType": "update",
                f"{updated}.completedAt": {"$type": "date"},
            },
            {"ns.coll": "node_calls", "operationType": "insert", "fullDocument.to": self._node_id},
            {"ns.coll": "node_calls", "operationType": "update"},
            {"ns.coll": "charge_points", "operationType": {"$in": ["delete", "replace"]}},
            {
                "ns.coll": "charge_points",
                "operationType": "update",
                "$or": [
                    {f"{updated}.{name}": {"$exists": True}}
                    for name in (
                        "isWhitelisted",
                        "chargePointIdentity",
                        "ocppSessionId",
                        "certificatesEndedAt",
                    )
                ],
            },
        ]
        return [{"$match": {"$or": for_me}}]


def _change(event: db.Document) -> Change:
    updated = (event.get("updateDescription") or {}).get("updatedFields")
    return Change(
        event["ns"]["coll"],
        event["operationType"],
        event["documentKey"]["_id"],
        event.get("fullDocument") or updated or {},
    )
