"""Group commit: telemetry of all connections in one write per collection.

Two promises, by method:

`insert`, `update`
    return when MongoDB has acknowledged the write with a majority, journaled. Whoever awaits them
    may answer the charge point. A document whose `_id` is there already counts as written.
`insert_behind`, `update_behind`
    return at once. The write follows; while the database is away the newest are kept, up to a
    bound, and the rest are counted as dropped.

While commits of a collection are on their way the next gathers; so batches grow with the load and
a lone message waits no longer than the gathering time. Where documents are updated, one commit
follows the other, for the order counts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from pymongo import InsertOne, UpdateOne
from pymongo.errors import BulkWriteError, PyMongoError

from csms import db
from csms.errors import DatabaseUnavailable
from csms.metrics import Metrics

log = structlog.get_logger(__name__)

Operation = InsertOne[db.Document] | UpdateOne

COMMITS_AT_ONCE = 2
"""So the database works while we gather, and we while it works."""

_UPDATED = frozenset({"charge_points", "rejected_connections", "nodes"})
ENOUGH = 64
"""Writes that are waited for and need no more company."""

MAX_BATCH = 1_000
MAX_WAITING = 20_000
MAX_BEHIND = 20_000
RETRY_BEHIND_AFTER = 1.0
_DUPLICATE_KEY = 11000


class Telemetry:
    """The writer of everything that arrives in quantity."""

    def __init__(self, database: db.Database, metrics: Metrics, gather: float) -> None:
        """`gather` is how long a batch waits for company, seconds."""
        self._database = database
        self._metrics = metrics
        self._gather = gather
        self._lanes: dict[str, _Lane] = {}

    async def insert(self, collection: str, document: db.Document) -> None:
        """Store a document.

        Raises:
            DatabaseUnavailable: it may not be stored; the charge point should send it again.
        """
        await self._lane(collection).add([InsertOne(document)])

    async def update(self, collection: str, *operations: UpdateOne) -> None:
        """Apply updates that do not depend on each other's order.

        Raises:
            DatabaseUnavailable: they may not be applied.
        """
        await self._lane(collection).add(operations)

    def insert_all(self, collection: str, documents: Sequence[db.Document]) -> asyncio.Future[None]:
        """Store some documents, at least one; the future is done when all of them are.

        It fails with DatabaseUnavailable if some may not be stored.

        Raises:
            DatabaseUnavailable: too much waits already.
        """
        return self._lane(collection).add([InsertOne(document) for document in documents])

    def insert_behind(self, collection: str, document: db.Document) -> None:
        """Store a document some time soon."""
        self._lane(collection).add_behind(InsertOne(document))

    def update_behind(self, collection: str, operation: UpdateOne) -> None:
        """Apply an update some time soon."""
        self._lane(collection).add_behind(operation)

    async def close(self) -> None:
        """Write what is left; returns when it is written or could not be."""
        await asyncio.gather(*(lane.drain() for lane in self._lanes.values()))

    def _lane(self, collection: str) -> _Lane:
        lane = self._lanes.get(collection)
        if lane is None:
            at_once = 1 if collection in _UPDATED else COMMITS_AT_ONCE
            lane = _Lane(self._database[collection], self._metrics, self._gather, at_once)
            self._lanes[collection] = lane
        return lane


@dataclass(slots=True)
class _Group:
    """What one caller waits for."""

    operations: Sequence[Operation]
    done: asyncio.Future[None]

    def settle(self, failure: Exception | None) -> None:
        if self.done.done():
            return
        if failure is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(failure)


@dataclass(slots=True)
class _Batch:
    """What one commit writes: groups that are waited for, and what goes with them."""

    waiting: list[_Group]
    behind: list[Operation]

    @property
    def operations(self) -> list[Operation]:
        operations = [operation for group in self.waiting for operation in group.operations]
        return operations + self.behind


class _Lane:
    """The batches of one collection, at most `at_once` of them on their way at a time."""

    def __init__(
        self, collection: db.Collection, metrics: Metrics, gather: float, at_once: int
    ) -> None:
        self._collection = collection
        self._gather = gather
        self._waiting: deque[_Group] = deque()
        self._count = 0
        self._behind: deque[Operation] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_once = at_once
        self._on_their_way = 0
        self._gathering = False
        self._closing = False
        self._size = metrics.commit_size.labels(collection.name)
        self._seconds = metrics.commit_seconds.labels(collection.name)
        self._dropped: Callable[[], None] = metrics.lost_behind.labels(collection.name).inc

    def add(self, operations: Sequence[Operation]) -> asyncio.Future[None]:
        if self._count >= MAX_WAITING:
            raise DatabaseUnavailable("too many writes are waiting for MongoDB")
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Group(operations, done))
        self._count += len(operations)
        self._start()
        return done

    def add_behind(self, operation: Operation) -> None:
        if len(self._behind) >= MAX_BEHIND:
            self._behind.popleft()
            self._dropped()
        self._behind.append(operation)
        self._start()

    async def drain(self) -> None:
        self._closing = True
        while self._tasks or self._waiting or self._behind:
            if not self._tasks:
                self._launch()
            await asyncio.wait(self._tasks)

    def _start(self) -> None:
        # Who comes back from a commit takes what has gathered meanwhile.
        if self._on_their_way >= self._at_once:
            return
        if self._count >= ENOUGH:
            self._launch()
        elif not self._gathering:
            self._gathering = True
            asyncio.get_running_loop().call_later(self._gather, self._gathered)

    def _gathered(self) -> None:
        self._gathering = False
        if (self._waiting or self._behind) and self._on_their_way < self._at_once:
            self._launch()

    def _launch(self) -> None:
        """Start a commit. The driver gets it now, not when the loop has time for a new task."""
        self._on_their_way += 1
        batch = self._next_batch()
        task = asyncio.get_running_loop().create_task(self._run(batch, self._write(batch)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, batch: _Batch, write: Awaitable[Any]) -> None:
        try:
            await self._commit(batch, write)
            while self._waiting or self._behind:
                batch = self._next_batch()
                await self._commit(batch, self._write(batch))
        finally:
            self._on_their_way -= 1

    def _write(self, batch: _Batch) -> Awaitable[Any]:
        return self._collection.bulk_write(batch.operations, ordered=False)

    async def _commit(self, batch: _Batch, write: Awaitable[Any]) -> None:
        try:
            failures = await self._failures(write)
        except PyMongoError as error:
            await self._failed(error, batch)
            return
        except Exception as error:  # a document that BSON cannot hold: find it, spare the others
            await self._one_by_one(error, batch)
            return
        index = 0
        for group in batch.waiting:
            following = index + len(group.operations)
            failed = [failures[i] for i in range(index, following) if i in failures]
            group.settle(failed[0] if failed else None)
            index = following
        self._size.observe(index + len(batch.behind))

    def _next_batch(self) -> _Batch:
        groups = self._next_groups()
        room = MAX_BATCH - sum(len(group.operations) for group in groups)
        behind = [self._behind.popleft() for _ in range(min(max(room, 0), len(self._behind)))]
        return _Batch(groups, behind)

    def _next_groups(self) -> list[_Group]:
        groups: list[_Group] = []
        size = 0
        while self._waiting and size < MAX_BATCH:
            group = self._waiting.popleft()
            size += len(group.operations)
            groups.append(group)
        self._count -= size
        return groups

    async def _failures(self, write: Awaitable[Any]) -> dict[int, Exception]:
        """Wait for a write; returns what failed for good, by position."""
        failures: dict[int, Exception] = {}
        with self._seconds.time():
            try:
                await write
            except BulkWriteError as error:
                if error.details.get("writeConcernErrors"):
                    raise
                for failure in error.details["writeErrors"]:
                    if failure["code"] != _DUPLICATE_KEY:
                        failures[failure["index"]] = RuntimeError(failure["errmsg"])
        return failures

    async def _failed(self, error: PyMongoError, batch: _Batch) -> None:
        log.warning("commit_failed", collection=self._collection.name, error=type(error).__name__)
        for group in batch.waiting:
            group.settle(DatabaseUnavailable("MongoDB did not acknowledge the write"))
        if self._closing:
            for _ in batch.behind:
                self._dropped()
            return
        self._behind.extendleft(reversed(batch.behind))
        while len(self._behind) > MAX_BEHIND:
            self._behind.popleft()
            self._dropped()
        if not self._waiting:
            await asyncio.sleep(RETRY_BEHIND_AFTER)

    async def _one_by_one(self, error: Exception, batch: _Batch) -> None:
        log.error("commit_unencodable", collection=self._collection.name, error=repr(error))
        for group in batch.waiting:
            failure: Exception | None = None
            try:
                failures = await self._failures(self._write(_Batch([group], [])))
                failure = next(iter(failures.values()), None)
            except Exception as single:
                failure = single
            group.settle(failure)
        for operation in batch.behind:
            with suppress(Exception):
                await self._failures(self._write(_Batch([], [operation])))
