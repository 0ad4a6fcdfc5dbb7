"""`nodes`: which processes are alive. A lease that ran out takes its charge points off line."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta

from csms import db
from csms.repositories.credentials import KEEPS_KEYS_APART

LEASE = timedelta(seconds=10)
RENEW_EVERY = 3.0


class Nodes:
    """The leases of the nodes on this database."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["nodes"]

    async def renew(self, node_id: str, now: datetime, public_key: bytes) -> bool:
        """Say that this node is alive; False if others had reason to think it was not."""
        async with db.errors():
            before = await self.collection.find_one_and_update(
                {"_id": node_id},
                {
                    "$set": {
                        "leaseUntil": now + LEASE,
                        "host": socket.gethostname(),
                        "publicKey": public_key,
                        KEEPS_KEYS_APART: True,
                    },
                    "$setOnInsert": {"startedAt": now, "pid": os.getpid()},
                },
                upsert=True,
            )
        return before is not None and bool(before["leaseUntil"] >= now)

    async def find(self, node_id: str) -> db.Document | None:
        """A node, also one whose lease has just run out; None once that was noticed."""
        async with db.errors():
            return await self.collection.find_one({"_id": node_id})

    async def find_living(self, node_id: str, now: datetime) -> db.Document | None:
        """A node whose lease has not run out."""
        async with db.errors():
            return await self.collection.find_one({"_id": node_id, "leaseUntil": {"$gte": now}})

    async def living(self, now: datetime) -> list[db.Document]:
        """All nodes whose lease has not run out."""
        async with db.errors():
            return await self.collection.find({"leaseUntil": {"$gte": now}}).to_list(1000)

    async def is_alone(self, node_id: str, now: datetime) -> bool:
        """Whether no other node is alive."""
        async with db.errors():
            other = await self.collection.find_one(
                {"_id": {"$ne": node_id}, "leaseUntil": {"$gte": now}}, {"_id": 1}
            )
        return other is None

    async def declare_dead(self, node_id: str, now: datetime) -> None:
        """End a lease before its time: somebody saw the node die."""
        async with db.errors():
            await self.collection.update_one({"_id": node_id}, {"$set": {"leaseUntil": now}})

    async def remove(self, node_id: str) -> None:
        """Give the lease up."""
        async with db.errors():
            await self.collection.delete_one({"_id": node_id})

    async def expired(self, now: datetime) -> list[str]:
        """Nodes whose lease ran out."""
        async with db.errors():
            found = await self.collection.find({"leaseUntil": {"$lt": now}}).to_list(100)
        return [str(node["_id"]) for node in found]
