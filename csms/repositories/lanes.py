"""The lanes of the group commit: what waits for one collection, and the batches on their way.

While commits of a collection are on their way the next gathers; so batches grow with the load and
a lone message waits no longer than the gathering time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog
from pymongo.errors import PyMongoError

from csms.errors import DatabaseUnavailable
from csms.metrics import Metrics
from csms.repositories.writes import Failures, Write

log = structlog.get_logger(__name__)

ENOUGH = 96
"""Writes that need no more company."""

MAX_BATCH = 1_000
MAX_BATCH_BYTES = 15 * 1024 * 1024
"""A little less than one command of MongoDB holds. What is larger by itself goes alone."""
MAX_WAITING = 20_000
MAX_BEHIND = 20_000
RETRY_BEHIND_AFTER = 1.0

Operation = TypeVar("Operation")


@dataclass(slots=True)
class _Group(Generic[Operation]):
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
class _Batch(Generic[Operation]):
    """What one commit writes: groups that are waited for, and what goes with them."""

    waiting: list[_Group[Operation]]
    behind: list[Operation]

    @property
    def operations(self) -> list[Operation]:
        # What was noted before a charge point's record is given up needs its session there.
        operations = list(self.behind)
        for group in self.waiting:
            operations += group.operations
        return operations


class Lane(Generic[Operation]):
    """The batches of one collection, at most `at_once` of them on their way at a time."""

    def __init__(
        self,
        name: str,
        write: Write[Operation],
        size_of: Callable[[Operation], int],
        metrics: Metrics,
        gather: float,
        at_once: int,
    ) -> None:
        """`gather` is how long a batch waits for company, seconds; `size_of` is in bytes."""
        # Asking for the running loop is a system call in Python 3.11, and this is done a lot.
        self._loop = asyncio.get_running_loop()
        self._name = name
        self._write = write
        self._size_of = size_of
        self._gather = gather
        self._waiting: deque[_Group[Operation]] = deque()
        self._count = 0
        self._behind: deque[Operation] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_once = at_once
        self._on_their_way = 0
        self._gathering = False
        self._closing = False
        self._size = metrics.commit_size.labels(name)
        self._seconds = metrics.commit_seconds.labels(name)
        self._dropped: Callable[[], None] = metrics.lost_behind.labels(name).inc

    def add(self, operations: Sequence[Operation]) -> asyncio.Future[None]:
        """Have operations written; the future is done when all are acknowledged.

        Raises:
            DatabaseUnavailable: too much waits already.
        """
        if self._count >= MAX_WAITING:
            raise DatabaseUnavailable("too many writes are waiting for MongoDB")
        done = self._loop.create_future()
        self._waiting.append(_Group(operations, done))
        self._count += len(operations)
        self._start()
        return done

    def add_behind(self, operation: Operation) -> None:
        """Have an operation written some time soon, or dropped if there are too many."""
        if len(self._behind) >= MAX_BEHIND:
            self._behind.popleft()
            self._dropped()
        self._behind.append(operation)
        self._start()

    async def drain(self) -> None:
        """Write what is left; returns when it is written or could not be."""
        self._closing = True
        while self._tasks or self._waiting or self._behind:
            if not self._tasks:
                self._launch()
            await asyncio.wait(self._tasks)

    def _start(self) -> None:
        # While a commit is on its way only a large one follows: few large ones are cheaper. Who
        # comes back from the last takes what has gathered meanwhile.
        if self._enough:
            if self._on_their_way < self._at_once:
                self._launch()
        elif not self._on_their_way and not self._gathering:
            self._gathering = True
            self._loop.call_later(self._gather, self._gathered)

    def _gathered(self) -> None:
        self._gathering = False
        if (self._waiting or self._behind) and not self._on_their_way:
            self._launch()

    def _launch(self) -> None:
        self._on_their_way += 1
        task = self._loop.create_task(self._run(self._next_batch()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, batch: _Batch[Operation]) -> None:
        try:
            await self._commit(batch)
            while self._enough or (self._is_alone and (self._waiting or self._behind)):
                await self._commit(self._next_batch())
        finally:
            self._on_their_way -= 1

    @property
    def _enough(self) -> bool:
        return self._count + len(self._behind) >= ENOUGH

    @property
    def _is_alone(self) -> bool:
        return self._on_their_way == 1

    async def _commit(self, batch: _Batch[Operation]) -> None:
        operations = batch.operations
        try:
            with self._seconds.time():
                failures = await self._write(operations)
        except PyMongoError as error:
            await self._failed(error, batch)
            return
        except Exception as error:  # an update that BSON cannot hold: find it, spare the others
            await self._one_by_one(error, batch)
            return
        self._settle(batch, failures)
        self._size.observe(len(operations))

    def _settle(self, batch: _Batch[Operation], failures: Failures) -> None:
        index = len(batch.behind)
        for group in batch.waiting:
            following = index + len(group.operations)
            failed = [failures[i] for i in range(index, following) if i in failures]
            group.settle(failed[0] if failed else None)
            index = following

    def _next_batch(self) -> _Batch[Operation]:
        batch: _Batch[Operation] = _Batch([], [])
        count = size = 0
        while self._waiting and count < MAX_BATCH:
            operations = self._waiting[0].operations
            size += sum(map(self._size_of, operations))
            if size > MAX_BATCH_BYTES and count:
                break
            count += len(operations)
            batch.waiting.append(self._waiting.popleft())
        self._count -= count
        while self._behind and count < MAX_BATCH:
            size += self._size_of(self._behind[0])
            if size > MAX_BATCH_BYTES and count:
                break
            count += 1
            batch.behind.append(self._behind.popleft())
        return batch

    async def _failed(self, error: PyMongoError, batch: _Batch[Operation]) -> None:
        log.warning("commit_failed", collection=self._name, error=type(error).__name__)
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
        if self._behind and not self._waiting:
            await asyncio.sleep(RETRY_BEHIND_AFTER)

    async def _one_by_one(self, error: Exception, batch: _Batch[Operation]) -> None:
        log.error("commit_unencodable", collection=self._name, error=repr(error))
        for group in batch.waiting:
            failure: Exception | None = None
            try:
                failure = next(iter((await self._write(group.operations)).values()), None)
            except Exception as single:
                failure = single
            group.settle(failure)
        for operation in batch.behind:
            with suppress(Exception):
                await self._write([operation])
