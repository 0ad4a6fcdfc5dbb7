"""The one rule of all limits: so many events of a key within a window that begins with the first.

`Limiter` counts in the memory of a process. `csms/repositories/limits.py` counts by the same rule
in MongoDB, for what several processes must agree on.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MAX_REMEMBERED = 20_000
"""Keys that a process counts; of more, those that were quiet for the longest are forgotten."""
MAX_KEY = 255
"""Characters of a key that are kept: a form holds a megabyte, a header 64 KB."""
IPV6_NETWORK = 64
"""Bits of an IPv6 address that name a network: whoever has one has all addresses in it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How often something may happen for each of its keys; `most` 0 sets no limit."""

    name: str
    most: int
    window: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted of a key in the window that runs."""

    count: int = 0
    left: float = 0
    """Seconds until the window ends."""

    def wait(self, limit: Limit, *, besides: int = 0) -> float:
        """Seconds until the next event may happen; 0 if it may now.

        `besides` is how many are under way that may yet be counted.
        """
        if not limit.most or self.count + besides < limit.most:
            return 0
        return max(1.0, self.left)


class Limiter:
    """Counts in memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tallies: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def tally(self, limit: Limit, key: str) -> Tally:
        """What was counted of a key."""
        count, ends_at = self._tallies.get((limit.name, key[:MAX_KEY]), (0, 0.0))
        left = ends_at - self._clock()
        return Tally(count, left) if left > 0 else Tally()

    def wait(self, limit: Limit, key: str) -> float:
        """Seconds until the next event of a key may happen; 0 if it may now."""
        return self.tally(limit, key).wait(limit)

    def count(self, limit: Limit, key: str) -> Tally:
        """Count an event; the tally includes it."""
        now = self._clock()
        name = limit.name, key[:MAX_KEY]
        count, ends_at = self._tallies.pop(name, (0, 0.0))
        if ends_at <= now:
            count, ends_at = 0, now + limit.window
        self._tallies[name] = count + 1, ends_at
        if len(self._tallies) > MAX_REMEMBERED:
            self._tallies.popitem(last=False)
        return Tally(count + 1, ends_at - now)

    def forget(self, limit: Limit, key: str) -> None:
        """Count a key anew, from nothing."""
        self._tallies.pop((limit.name, key[:MAX_KEY]), None)


def joined(subject: str, where: str) -> str:
    """A key for an account, a token or an identity together with where it is used from."""
    # A subject has no control character in it, and so no two pairs are joined alike.
    return f"{subject}\n{where}"


def network_of(address: str) -> str:
    """What limits by address count: an IPv4 address, or the /64 network of an IPv6 one."""
    if ":" not in address:
        return address[:MAX_KEY]
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address[:MAX_KEY]
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, IPV6_NETWORK), strict=False))
