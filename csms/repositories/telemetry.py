"""Group commit: telemetry of all connections in one write per collection.

Two promises, by method:

`insert`, `update`
    return when MongoDB has acknowledged the write with a majority, journaled. Whoever awaits them
    may answer the charge point. A document whose `_id` is there already counts as written.
`insert_behind`, `update_behind`
    return at once. The write follows; while the database is away the newest are kept, up to a
    bound, and the rest are counted as dropped.

How writes gather is in `lanes.py`, how a batch is written in `writes.py`. Where documents are
updated, one commit follows the other, for the order counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne

from csms import db
from csms.metrics import Metrics
from csms.repositories.lanes import Lane
from csms.repositories.writes import (
    Conditional,
    ConditionalUpdates,
    Inserts,
    NotApplied,
    Updates,
    encode,
    encoded,
)

log = structlog.get_logger(__name__)

COMMITS_AT_ONCE = 2
"""So the database works while we gather, and we while it works."""

_UPDATE_BYTES = 1024
"""About what an update takes; it is not encoded before it is sent."""


class Telemetry:
    """The writer of everything that arrives in quantity."""

    def __init__(self, database: db.TelemetryDatabase, metrics: Metrics, gather: float) -> None:
        """`gather` is how long a batch waits for company, seconds."""
        self.database = database
        self._metrics = metrics
        self._gather = gather
        self._inserts: dict[str, Lane[RawBSONDocument]] = {}
        self._updates: dict[str, Lane[UpdateOne]] = {}
        self._conditionals: dict[str, Lane[Conditional]] = {}

    async def insert(self, collection: str, document: db.Document) -> int:
        """Store a document; returns its size, bytes.

        Raises:
            DatabaseUnavailable: it may not be stored; the charge point should send it again.
            BSONError, OverflowError, DocumentTooLarge: it cannot be stored.
        """
        operation = encode(document)
        await self._inserts_of(collection).add([operation])
        return len(operation.raw)

    async def update(self, collection: str, *operations: UpdateOne) -> None:
        """Apply updates that do not depend on each other's order.

        Raises:
            DatabaseUnavailable: they may not be applied.
        """
        await self._updates_of(collection).add(operations)

    async def update_if(self, collection: str, conditional: Conditional) -> bool:
        """Apply an update to a document that is as expected; says whether it was.

        Raises:
            DatabaseUnavailable: it may not be applied.
        """
        try:
            await self._conditionals_of(collection).add([conditional])
        except NotApplied:
            return False
        return True

    def insert_all(self, collection: str, documents: Iterable[bytes]) -> asyncio.Future[None]:
        """Store some documents, at least one, in BSON; the future is done when all of them are.

        It fails with DatabaseUnavailable if some may not be stored.

        Raises:
            DatabaseUnavailable: too much waits already.
            DocumentTooLarge: one of them cannot be stored.
        """
        return self._inserts_of(collection).add([encoded(document) for document in documents])

    def insert_behind(self, collection: str, document: db.Document) -> int:
        """Store a document some time soon; returns its size, bytes."""
        try:
            operation = encode(document)
        except Exception as error:
            log.error("document_unencodable", collection=collection, error=repr(error))
            return 0
        size = len(operation.raw)
        self._inserts_of(collection).add_behind(operation, size)
        return size

    def update_behind(self, collection: str, operation: UpdateOne) -> None:
        """Apply an update some time soon."""
        self._updates_of(collection).add_behind(operation, _UPDATE_BYTES)

    async def close(self) -> None:
        """Write what is left; returns when it is written or could not be."""
        lanes: list[Lane[Any]] = [
            *self._inserts.values(),
            *self._updates.values(),
            *self._conditionals.values(),
        ]
        await asyncio.gather(*(lane.drain() for lane in lanes))

    def _inserts_of(self, name: str) -> Lane[RawBSONDocument]:
        lane = self._inserts.get(name)
        if lane is None:
            write = Inserts(self.database, name)
            lane = Lane(name, write, _size, self._metrics, self._gather, COMMITS_AT_ONCE)
            self._inserts[name] = lane
        return lane

    def _updates_of(self, name: str) -> Lane[UpdateOne]:
        lane = self._updates.get(name)
        if lane is None:
            write = Updates(self.database, name)
            lane = Lane(name, write, lambda _: _UPDATE_BYTES, self._metrics, self._gather, 1)
            self._updates[name] = lane
        return lane

    def _conditionals_of(self, name: str) -> Lane[Conditional]:
        lane = self._conditionals.get(name)
        if lane is None:
            write = ConditionalUpdates(self.database, name)
            metrics, gather = self._metrics, self._gather
            lane = Lane(name, write, lambda _: _UPDATE_BYTES, metrics, gather, COMMITS_AT_ONCE)
            self._conditionals[name] = lane
        return lane


def _size(document: RawBSONDocument) -> int:
    return len(document.raw)
