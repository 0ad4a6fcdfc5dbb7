"""What keeps open pages up to date: one change stream for all of a node's viewers.

It is followed only while somebody watches, and only what somebody watches is told: readings and
messages are too many to be looked at for charge points that nobody has open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field

import structlog

from csms import db
from csms.errors import CsmsError
from csms.repositories.changes import Change, follow

log = structlog.get_logger(__name__)

FEW = (
    "charge_points",
    "transactions",
    "commands",
    "rejected_connections",
    "reservations",
    "security_events",
    "id_tags",
    "jobs",
    "nodes",
    "audit",
    "alarms",
    "certificates",
)
"""Collections whose changes are told to everybody who watches them."""

MANY = ("meter_values", "messages")
"""Collections of which only what concerns a watched charge point is told."""

RETRY_AFTER = 1.0


@dataclass(eq=False)
class Viewer:
    """One open page: what it watches, and what has changed since it was last told."""

    collections: frozenset[str]
    charge_point_id: str | None
    changed: set[str] = field(default_factory=set)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False
    """Whether nothing will be told any more, because this node stops."""

    def tell(self, collection: str) -> None:
        """Note a change."""
        self.changed.add(collection)
        self.woken.set()

    def take(self) -> set[str]:
        """What has changed since the last call."""
        changed, self.changed = self.changed, set()
        self.woken.clear()
        return changed

    def wants(self, change: Change) -> bool:
        """Whether a change is to be told."""
        if change.collection not in self.collections:
            return False
        if self.charge_point_id is None:
            return True
        concerned = change.fields.get("chargePointId", self.charge_point_id)
        if change.collection == "charge_points":
            concerned = change.record_id
        return bool(concerned == self.charge_point_id)


class Live:
    """Follows the database on behalf of the viewers."""

    def __init__(self, database: db.Database) -> None:
        self._database = database
        self._viewers: set[Viewer] = set()
        self._task: asyncio.Task[None] | None = None
        self._followed: frozenset[str] = frozenset()
        self.following = asyncio.Event()
        """Set while nothing can be missed."""

    @contextmanager
    def viewer(self, collections: frozenset[str], charge_point_id: str | None) -> Iterator[Viewer]:
        """Watch these collections, for one charge point or for all, until the block is left."""
        viewer = Viewer(collections, charge_point_id)
        self._viewers.add(viewer)
        self._adjust()
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)
            self._adjust()

    async def stop(self) -> None:
        """Follow nothing any more; the viewers have to find another node."""
        for viewer in self._viewers:
            viewer.ended = True
            viewer.woken.set()
        self._viewers.clear()
        task = self._task
        self._adjust()
        if task is not None:
            with suppress(asyncio.CancelledError):
                await task

    def _adjust(self) -> None:
        wanted = frozenset(v.charge_point_id for v in self._viewers if v.charge_point_id)
        if self._task is not None and (not self._viewers or not wanted <= self._followed):
            self._task.cancel()
            self._task = None
            self.following.clear()
        if self._viewers and self._task is None:
            self._followed = wanted
            self._task = asyncio.get_running_loop().create_task(self._keep_following(wanted))

    async def _keep_following(self, charge_point_ids: frozenset[str]) -> None:
        while True:
            opened = asyncio.Event()
            telling = asyncio.create_task(self._tell_when(opened))
            try:
                async with aclosing(
                    follow(self._database, _pipeline(charge_point_ids), opened)
                ) as changes:
                    async for change in changes:
                        for viewer in self._viewers:
                            if viewer.wants(change):
                                viewer.tell(change.collection)
            except CsmsError as error:
                log.warning("pages_not_live", error=str(error))
            except Exception:
                log.exception("pages_not_live")
            finally:
                telling.cancel()
            self.following.clear()
            await asyncio.sleep(RETRY_AFTER)

    async def _tell_when(self, opened: asyncio.Event) -> None:
        """What has changed while nobody followed is not known: everything may have."""
        await opened.wait()
        self.following.set()
        for viewer in self._viewers:
            for collection in viewer.collections:
                viewer.tell(collection)


def _pipeline(charge_point_ids: frozenset[str]) -> list[db.Document]:
    updated = {"$ifNull": ["$updateDescription.updatedFields", {}]}
    only_sign_of_life = {
        "$eq": [[{"k": "lastSeen"}], {"$map": {
            "input": {"$objectToArray": updated}, "as": "set", "in": {"k": "$$set.k"},
        }}]
    }  # fmt: skip
    watched: list[db.Document] = [
        {"ns.coll": {"$in": list(FEW)}, "$expr": {"$not": [only_sign_of_life]}},
        {
            "ns.coll": {"$in": list(MANY)},
            "operationType": "insert",
            "fullDocument.chargePointId": {"$in": sorted(charge_point_ids)},
        },
    ]
    return [
        {"$match": {"$or": watched}},
        {
            "$project": {
                "ns": 1,
                "operationType": 1,
                "documentKey": 1,
                "fullDocument.chargePointId": 1,
            }
        },
    ]
