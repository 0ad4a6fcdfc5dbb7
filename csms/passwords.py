"""Hashing of passwords in threads of its own: a few, and a bounded number of tries that wait.

Each hash takes some 20 ms or more of a processor, and up to 64 MB. People and charge points have
separate pools, so that a flood of the one does not delay the other.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
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
        self._taken = 0
        self._is_closed = False
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

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places, for a hash and for what has to be done before it.

        Raises:
            Busy: too many hold one.
        """
        if self._taken >= self._most:
            raise Busy("Too many passwords are being checked. Try again in a moment.", RETRY_AFTER)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in one of the threads.

        Raises:
            Busy: too many are waiting.
        """
        with self.place():
            return await self.run_in_place(function, *args, **kwargs)

    async def run_in_place(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for a caller that holds a place.

        Raises:
            Busy: the server is being stopped.
        """
        future = self._executor.submit(function, *args, **kwargs)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if self._is_closed:
                raise Busy("The server is stopping. Try again in a moment.", RETRY_AFTER) from None
            raise

    def close(self) -> None:
        """End the threads; what waits is not run any more."""
        self._is_closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)


def _be_nice(niceness: int) -> None:
    # Of this thread alone, as Linux has it. Threads that argon2 starts inherit it.
    if niceness and hasattr(os, "setpriority"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
