"""A lock with two queues: commands of people go ahead of csms' own questions."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress


class Turns:
    """Gives the turn to one at a time: first to those that waited longest among the urgent."""

    __slots__ = ("_is_taken", "_urgent", "_others")

    def __init__(self) -> None:
        self._is_taken = False
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._urgent) + len(self._others)

    @property
    def urgent_waiting(self) -> int:
        """How many of them are urgent."""
        return len(self._urgent)

    async def take(self, *, urgent: bool) -> None:
        """Wait for a turn and take it; `give_back` ends it."""
        if not self._is_taken:
            self._is_taken = True
            return
        queue = self._urgent if urgent else self._others
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            with suppress(ValueError):
                queue.remove(turn)
            # The turn may have been given in the same instant: then the next one gets it.
            if turn.done() and not turn.cancelled():
                self.give_back()
            raise

    def give_back(self) -> None:
        """End a turn; the next one that waits has it now."""
        for queue in (self._urgent, self._others):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._is_taken = False
