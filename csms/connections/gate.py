"""How many newcomers are let in a second; the rest are told when to come again."""

from __future__ import annotations

import time
from collections.abc import Callable

LONGEST_WAIT = 60


class Gate:
    """Lets so many in a second, a second's worth of them at once."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`rate` is newcomers per second; 0 lets everybody in."""
        self._rate = rate
        self._clock = clock
        self._at = clock()
        self._let_in = 0.0
        self._sent_away = 0.0

    def wait(self) -> int:
        """Seconds until this newcomer should try again; 0 if it is let in.

        Those that are sent away get different times, so that they do not all come back at once.
        """
        if not self._rate:
            return 0
        now = self._clock()
        passed = (now - self._at) * self._rate
        self._at = now
        self._let_in = max(0.0, self._let_in - passed)
        self._sent_away = max(0.0, self._sent_away - passed)
        if self._let_in + 1 <= self._rate:
            self._let_in += 1
            return 0
        self._sent_away += 1
        return min(1 + int(self._sent_away / self._rate), LONGEST_WAIT)
