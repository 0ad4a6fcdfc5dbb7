"""Failed attempts to log in: who guesses is slowed down, and nobody else is."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

WINDOW = 60.0
MAX_REMEMBERED = 10_000
MAX_NAME = 255
"""Characters of an identity or a user name that are remembered: a form holds a megabyte."""
ADDRESS_FACTOR = 10
"""An address may fail so many times as often as one visitor: behind it may be many of them."""


class FailedAttempts:
    """Counts failures of the last minute, per visitor (address and identity) and per address.

    A visitor that has not failed itself is always heard: whoever guesses at an identity from
    elsewhere cannot lock the real charge point out.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`limit` is how often a visitor may fail within a minute; 0 sets none."""
        self._limit = limit
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str | None], list[float]] = OrderedDict()

    def must_wait(self, address: str, identity: str) -> float:
        """Seconds until this visitor is heard again; 0 if it is now."""
        own = self._recent((address, identity[:MAX_NAME]))
        if self._limit == 0 or not own:
            return 0
        everybody = self._recent((address, None))
        if len(own) < self._limit and len(everybody) < self._limit * ADDRESS_FACTOR:
            return 0
        oldest = own[0] if len(own) >= self._limit else everybody[0]
        return max(1.0, oldest + WINDOW - self._clock())

    def failed(self, address: str, identity: str) -> None:
        """Note a failure."""
        for key in ((address, identity[:MAX_NAME]), (address, None)):
            failures = self._recent(key)
            failures.append(self._clock())
            self._failures[key] = failures[-self._limit * ADDRESS_FACTOR :]
            self._failures.move_to_end(key)
        while len(self._failures) > MAX_REMEMBERED:
            self._failures.popitem(last=False)

    def _recent(self, key: tuple[str, str | None]) -> list[float]:
        since = self._clock() - WINDOW
        return [at for at in self._failures.get(key, ()) if at > since]
