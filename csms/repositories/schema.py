"""The schema version of the database, and the lease under which one node migrates it.

The collection `schema` has one document for each migration that was run (when, how long, by which
node) and one, `schema`, with the version and the lease. Times of the lease are MongoDB's own, so
that the clocks of the nodes do not matter.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog
from pymongo.errors import DuplicateKeyError

from csms import db
from csms.errors import CsmsError, DatabaseUnavailable
from csms.repositories.migrations import MIGRATIONS
from csms.repositories.migrations.migration import Migration

log = structlog.get_logger(__name__)

COLLECTION = "schema"
LEASE_SECONDS = 15.0
_ID = "schema"
_RENEWALS = 3
"""How often a lease is renewed before it would run out."""


class SchemaTooNew(CsmsError):
    """The database was migrated by a csms that is more than one version ahead of this one."""

    def __init__(self, version: int, known: int) -> None:
        super().__init__(
            f"the database has schema version {version}; this csms knows version {known} and works"
            f" with {known + 1} at most: install the newer csms that the other nodes run"
        )


class LeaseLost(Exception):
    """The lease ran out before it was renewed; another node may be migrating."""


@dataclass(frozen=True)
class SchemaState:
    """How far a database is: its version, the one this code writes, and what is still to do."""

    version: int
    known: int
    pending: tuple[Migration, ...]

    @property
    def is_behind(self) -> bool:
        """Whether there is something to do for this code."""
        return bool(self.pending) or self.version < self.known

    @property
    def is_too_new(self) -> bool:
        """Whether this code must not touch it: only neighbouring versions work together."""
        return self.version > self.known + 1

    def __str__(self) -> str:
        if self.is_too_new:
            return str(SchemaTooNew(self.version, self.known))
        if self.is_behind:
            steps = ", ".join(migration.purpose for migration in self.pending) or "note the version"
            return f"version {self.version}; csms serve will migrate it to {self.known}: {steps}"
        if self.version > self.known:
            return f"version {self.version}, one ahead of this csms, which works with it"
        return f"ok: version {self.version}"


class Schema:
    """Reads the schema version, and brings the database up to the version of this code."""

    def __init__(
        self,
        database: db.Database,
        node_id: str = "",
        migrations: Sequence[Migration] = MIGRATIONS,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._collection: db.Collection = database[COLLECTION]
        self._node_id = node_id
        # A node that starts again under its id must not take its own old lease for held.
        self._holder = uuid.uuid4().hex
        self._migrations = migrations
        self._lease = lease_seconds
        self._known = max((migration.version for migration in migrations), default=0)

    async def state(self) -> SchemaState:
        """How far the database is. One that was never migrated has version 0."""
        async with db.errors():
            documents = {doc["_id"]: doc async for doc in self._collection.find()}
        version = int(documents.get(_ID, {}).get("version", 0))
        pending = tuple(one for one in self._migrations if one.name not in documents)
        return SchemaState(version, self._known, pending if version <= self._known else ())

    async def check(self) -> None:
        """See that this code may work on the database.

        Raises:
            SchemaTooNew: it may not.
        """
        state = await self.state()
        if state.is_too_new:
            raise SchemaTooNew(state.version, state.known)
        if state.version > state.known:
            log.warning("database_is_newer", version=state.version, known=state.known)

    async def migrate(self) -> None:
        """Run what is pending, or wait until the node that does so has done it.

        Raises:
            DatabaseUnavailable: MongoDB went away; what was done is recorded, the rest is pending.
        """
        waiting = False
        while (await self.state()).is_behind:
            if await self._take_lease():
                try:
                    await self._run_under_lease()
                except LeaseLost:
                    log.warning("migration_lease_lost", node=self._node_id)
                finally:
                    await self._give_lease_up()
                continue
            if not waiting:
                log.info("waiting_for_migration", message="another node migrates the database")
                waiting = True
            await asyncio.sleep(min(0.25, self._lease / _RENEWALS))

    async def _run_under_lease(self) -> None:
        """Run the migrations; stop at once if the lease is lost."""
        work = asyncio.create_task(self._run_pending())
        keeper = asyncio.create_task(self._keep_lease())
        try:
            await asyncio.wait({work, keeper}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise LeaseLost
            work.result()
        finally:
            for task in (work, keeper):
                task.cancel()
            await asyncio.gather(work, keeper, return_exceptions=True)

    async def _run_pending(self) -> None:
        for migration in (await self.state()).pending:
            await self._run(migration)
        async with db.errors():
            await self._collection.update_one(
                {"_id": _ID, "version": {"$lt": self._known}},
                {"$set": {"version": self._known}},
            )

    async def _run(self, migration: Migration) -> None:
        loop = asyncio.get_running_loop()
        log.info("migration_started", migration=migration.name, purpose=migration.purpose)
        started = loop.time()
        async with db.errors():
            changed = await migration.run(self._database)
        seconds = round(loop.time() - started, 3)
        record = {
            "version": migration.version,
            "purpose": migration.purpose,
            "changed": changed,
            "seconds": seconds,
            "nodeId": self._node_id,
        }
        async with db.errors():
            await self._collection.update_one(
                {"_id": migration.name},
                {"$set": record, "$currentDate": {"finishedAt": True}},
                upsert=True,
            )
        log.info("migration_done", migration=migration.name, changed=changed, seconds=seconds)

    async def _take_lease(self) -> bool:
        async with db.errors():
            with suppress(DuplicateKeyError):
                await self._collection.update_one(
                    {"_id": _ID}, {"$setOnInsert": {"version": 0}}, upsert=True
                )
            # A lease that is missing comes before any time.
            taken = await self._collection.update_one(
                {"_id": _ID, "$expr": {"$lt": ["$lease.until", "$$NOW"]}}, self._lease_from_now()
            )
        return taken.modified_count == 1

    async def _keep_lease(self) -> None:
        """Renew the lease; returns when it is lost."""
        while True:
            await asyncio.sleep(self._lease / _RENEWALS)
            with suppress(DatabaseUnavailable):
                async with db.errors():
                    kept = await self._collection.update_one(
                        {"_id": _ID, "lease.holder": self._holder}, self._lease_from_now()
                    )
                if kept.matched_count == 0:
                    return

    def _lease_from_now(self) -> list[db.Document]:
        until = {"$add": ["$$NOW", self._lease * 1000]}
        lease = {"holder": self._holder, "nodeId": {"$literal": self._node_id}, "until": until}
        return [{"$set": {"lease": lease}}]

    async def _give_lease_up(self) -> None:
        with suppress(DatabaseUnavailable):
            async with db.errors():
                await self._collection.update_one(
                    {"_id": _ID, "lease.holder": self._holder}, {"$unset": {"lease": ""}}
                )
