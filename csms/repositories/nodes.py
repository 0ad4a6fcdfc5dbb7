"""`nodes`: which processes are alive. A lease that ran out takes its charge points off line.

Leases are written and judged by the database's own time (`$$NOW`): the clocks of the nodes do not
matter, and how far each is off is on record.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument

from csms import db
from csms.repositories.credentials import KEEPS_KEYS_APART

LEASE = timedelta(seconds=10)
RENEW_EVERY = 3.0

_ALIVE = {"$expr": {"$gte": ["$leaseUntil", "$$NOW"]}}
_RAN_OUT = {"$expr": {"$lt": ["$leaseUntil", "$$NOW"]}}


@dataclass(frozen=True, slots=True)
class Identification:
    """What a node says of itself with its lease."""

    node_id: str
    public_key: bytes
    """What others seal commands for it with: an X25519 key for HPKE."""
    former_public_key: bytes
    """The same for nodes of version 0.2.0, which seal in another way."""

    def document(self, clock_offset: float | None) -> db.Document:
        """The fields of its record, as values for a pipeline."""
        fields: dict[str, Any] = {
            "host": socket.gethostname(),
            "publicKey": self.former_public_key,
            "hpkePublicKey": self.public_key,
            "clockOffsetSeconds": clock_offset,
        }
        return {name: {"$literal": value} for name, value in fields.items()}


class Nodes:
    """The leases of the nodes on this database."""

    def __init__(self, database: db.Database) -> None:
        self._database = database
        self.collection: db.Collection = database["nodes"]

    async def renew(self, node: Identification, clock_offset: float | None = None) -> bool:
        """Say that this node is alive; False if others had reason to think it was not.

        `clock_offset` is how far its clock is ahead of the database's, seconds; None if unknown.
        """
        until = {"$add": ["$$NOW", int(LEASE.total_seconds() * 1000)]}
        fields: db.Document = {
            **node.document(clock_offset),
            KEEPS_KEYS_APART: True,
            # Missing comes before any time.
            "ranOut": _RAN_OUT["$expr"],
            "leaseUntil": until,
            "startedAt": {"$ifNull": ["$startedAt", "$$NOW"]},
            "pid": {"$ifNull": ["$pid", os.getpid()]},
        }
        async with db.errors():
            renewed = await self.collection.find_one_and_update(
                {"_id": node.node_id},
                [{"$set": fields}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        return not renewed["ranOut"]

    async def database_time(self) -> datetime:
        """What time it is by the database's clock, UTC."""
        async with db.errors():
            # A command does not go by the client's own options.
            options = self._database.codec_options
            hello = await self._database.command("hello", codec_options=options)
        now: datetime = hello["localTime"]
        return now

    async def find_living(self, node_id: str) -> db.Document | None:
        """A node whose lease has not run out."""
        async with db.errors():
            return await self.collection.find_one({"_id": node_id, **_ALIVE})

    async def living(self) -> list[db.Document]:
        """All nodes whose lease has not run out."""
        async with db.errors():
            return await self.collection.find(_ALIVE).to_list(1000)

    async def is_alone(self, node_id: str) -> bool:
        """Whether no other node is alive."""
        async with db.errors():
            other = await self.collection.find_one({"_id": {"$ne": node_id}, **_ALIVE}, {"_id": 1})
        return other is None

    async def declare_dead(self, node_id: str) -> None:
        """End a lease before its time: somebody saw the node die."""
        async with db.errors():
            await self.collection.update_one(
                {"_id": node_id}, [{"$set": {"leaseUntil": {"$subtract": ["$$NOW", 1]}}}]
            )

    async def remove(self, node_id: str) -> None:
        """Give the lease up."""
        async with db.errors():
            await self.collection.delete_one({"_id": node_id})

    async def remove_if_dead(self, node_id: str) -> None:
        """Remove a node whose lease ran out, unless it has come back."""
        async with db.errors():
            await self.collection.delete_one({"_id": node_id, **_RAN_OUT})

    async def dead(self) -> list[str]:
        """Nodes whose lease ran out."""
        async with db.errors():
            found = await self.collection.find(_RAN_OUT).to_list(100)
        return [str(node["_id"]) for node in found]
