"""Hashing of passwords in threads of its own: a few, and a bounded number of tries that wait.

Each hash takes some 20 ms or more of a processor, and up to 64 MB. People and charge points have
separate pools, so that a flood of the one does not delay the other.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from csms.errors import Busy

P = ParamSpec("P")
T = TypeVar("T")

PEOPLE_WAITING = 16
"""About a second of hashing."""
CHARGE_POINTS_AT_ONCE = max(2, min(4, os.cpu_count() or 2))
CHARGE_POINTS_WAITING = 5_000
"""A fleet that comes back at once is heard; passwords that were good before are not hashed."""
RETRY_AFTER = 5.0
LESS_URGENT = 10
"""How much nicer than the rest of the process the threads for people are."""


class PasswordPool:
    """Runs hashing in threads; beyond its bound it refuses at once."""

    def __init__(self, name: str, threads: int, waiting: int, *, niceness: int = 0) -> None:
        """`waiting` is how many may wait for one of so many threads."""
        self._most = threads + waiting
        self._running = 0
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(
            threads, f"passwords-{name}", initializer=_be_nice, initargs=(niceness,)
        )

    @classmethod
    def for_people(cls) -> PasswordPool:
        """For sign-ins: one at a time, and the event loop goes first."""
        return cls("people", 1, PEOPLE_WAITING, niceness=LESS_URGENT)

    @classmethod
    def for_charge_points(cls) -> PasswordPool:
        """For the passwords of charge points."""
        return cls("charge-points", CHARGE_POINTS_AT_ONCE, CHARGE_POINTS_WAITING)

    @property
    def is_full(self) -> bool:
        """Whether one more would be refused."""
        return self._running >= self._most

    def refuse_if_full(self) -> None:
        """Say so before anything is done in vain.

        Raises:
            Busy: one more would be refused.
        """
        if self.is_full:
            raise Busy("Too many passwords are being checked. Try again in a moment.", RETRY_AFTER)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in one of the threads.

        Raises:
            Busy: too many are waiting.
        """
        self.refuse_if_full()
        with self._lock:
            self._running += 1
        future = self._executor.submit(function, *args, **kwargs)
        # Who gave up waiting, because its connection closed, is still counted while it is hashed.
        future.add_done_callback(self._ended)
        return await asyncio.wrap_future(future)

    def _ended(self, future: Future[T]) -> None:
        with self._lock:
            self._running -= 1

    def close(self) -> None:
        """End the threads; what waits is not run any more."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _be_nice(niceness: int) -> None:
    # Of this thread alone, as Linux has it. Threads that argon2 starts inherit it.
    if niceness and hasattr(os, "setpriority"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
