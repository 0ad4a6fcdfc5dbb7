"""`nodes`: which processes are alive. A lease that ran out takes its charge points off line."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta

from csms import db

LEASE = timedelta(seconds=15)
RENEW_EVERY = 5.0


class Nodes:
    """The leases of the nodes on this database."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["nodes"]

    async def renew(self, node_id: str, now: datetime) -> None:
        """Say that this node is alive."""
        async with db.errors():
            await self.collection.update_one(
                {"_id": node_id},
                {
                    "$set": {"leaseUntil": now + LEASE, "host": socket.gethostname()},
                    "$setOnInsert": {"startedAt": now, "pid": os.getpid()},
                },
                upsert=True,
            )

    async def remove(self, node_id: str) -> None:
        """Give the lease up."""
        async with db.errors():
            await self.collection.delete_one({"_id": node_id})

    async def expired(self, now: datetime) -> list[str]:
        """Nodes whose lease ran out."""
        async with db.errors():
            found = await self.collection.find({"leaseUntil": {"$lt": now}}).to_list(100)
        return [str(node["_id"]) for node in found]
