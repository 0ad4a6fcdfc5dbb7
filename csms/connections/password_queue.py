"""Whose password is checked next, where more come than can be hashed at a time.

Charge points that come from where they came from last go first; of the others, each network gets
its turn. So a flood of guesses, from however many addresses, delays no charge point by more than
one hash for each of them, and those that are expected by none.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from csms.errors import Busy
from csms.passwords import RETRY_AFTER, PasswordPool

P = ParamSpec("P")
T = TypeVar("T")

AHEAD = 4
"""For each thread so many are handed to the pool, so that none waits for the event loop."""
MAX_WAITING = 5_000
"""Of those that are expected, and of the others."""

_Queue = OrderedDict[str, deque[asyncio.Future[None]]]


@dataclass(frozen=True, slots=True)
class Whence:
    """Where a password comes from."""

    network: str
    is_expected: bool
    """Whether the charge point's last connection came from there."""
    has_left: Callable[[], bool] = lambda: False
    """Whether its connection is closed meanwhile: a flood hangs up and leaves its hashes behind."""


class PasswordQueue:
    """Gives the threads of a pool to those that wait, in a fair order."""

    def __init__(self, pool: PasswordPool, threads: int) -> None:
        self._pool = pool
        self._free = threads * AHEAD
        self._queues: dict[bool, _Queue] = {True: OrderedDict(), False: OrderedDict()}
        self._waiting = {True: 0, False: 0}

    async def run(
        self, whence: Whence, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function in a thread of the pool when it is its turn.

        Raises:
            Busy: too many are waiting, or the one that waited has left.
        """
        await self._turn(whence)
        try:
            if whence.has_left():
                raise Busy("The connection is closed.", RETRY_AFTER)
            return await self._pool.run(function, *args, **kwargs)
        finally:
            self._next()

    async def _turn(self, whence: Whence) -> None:
        if self._free:
            self._free -= 1
            return
        kind = whence.is_expected
        if self._waiting[kind] >= MAX_WAITING:
            raise Busy("Too many passwords are being checked. Try again in a moment.", RETRY_AFTER)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Those that are expected are one queue: a whole fleet may come from one network.
        key = "" if kind else whence.network
        self._queues[kind].setdefault(key, deque()).append(turn)
        self._waiting[kind] += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._next()
            raise

    def _next(self) -> None:
        """Hand a thread on, or keep it free."""
        for kind in (True, False):
            while self._queues[kind]:
                turn = self._pop(kind)
                if not turn.done():
                    turn.set_result(None)
                    return
        self._free += 1

    def _pop(self, kind: bool) -> asyncio.Future[None]:
        network, turns = self._queues[kind].popitem(last=False)
        turn = turns.popleft()
        self._waiting[kind] -= 1
        if turns:
            # Behind the others.
            self._queues[kind][network] = turns
        return turn
