"""Failed attempts at the OCPP socket: those who guess are slowed down, and nobody else is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from csms.domain.limiter import Limit, Limiter, joined, network_of

MINUTE = 60.0
ADDRESS_FACTOR = 10
"""A network may fail so many times as often as one visitor: behind it may be many of them."""
UNKNOWN_FACTOR = 100
"""And so many times as often come with identities on no record, as a fleet does before it is
whitelisted ..."""
SERIAL_FACTOR = 20
"""... and with serials that no record waits for."""


class FailedAttempts:
    """Counts failures of the last minute, per visitor (charge point and network) and per network.

    A visitor that has not failed itself is always heard: one that guesses at its password from
    elsewhere cannot lock the real charge point out, nor can another one behind the same address.
    """

    def __init__(self, limiter: Limiter, most: int) -> None:
        """`most` is how often a visitor may fail within a minute; 0 sets no limit."""
        self._limiter = limiter
        self._under_way: Counter[str] = Counter()
        self._own = Limit("socketOwn", most, MINUTE)
        self._network = Limit("socketNetwork", most * ADDRESS_FACTOR, MINUTE)
        self._unknown = Limit("socketUnknown", most * UNKNOWN_FACTOR, MINUTE)
        self._serials = Limit("socketSerials", most * SERIAL_FACTOR, MINUTE)

    def must_wait(self, address: str, charge_point_id: str) -> float:
        """Seconds until this visitor is heard again; 0 if it is now."""
        network = network_of(address)
        visitor = joined(charge_point_id, network)
        own, besides = self._limiter.tally(self._own, visitor), self._under_way.get(visitor, 0)
        if wait := own.wait(self._own, besides=besides):
            return wait
        return self._limiter.wait(self._network, network) if own.count else 0

    @contextmanager
    def under_way(self, address: str, charge_point_id: str, *, counts: bool) -> Iterator[None]:
        """Check a password: until that is done it may be wrong, and many at once gain nothing.

        `counts` is whether there is one.
        """
        visitor = joined(charge_point_id, network_of(address))
        self._under_way[visitor] += counts
        try:
            yield
        finally:
            self._under_way[visitor] -= counts
            if not self._under_way[visitor]:
                del self._under_way[visitor]

    def failed(self, address: str, charge_point_id: str) -> None:
        """Note a wrong password."""
        network = network_of(address)
        self._limiter.count(self._own, joined(charge_point_id, network))
        self._limiter.count(self._network, network)

    def unknown_must_wait(self, address: str) -> float:
        """Seconds until an identity that is on no record is heard from this address."""
        return self._limiter.wait(self._unknown, network_of(address))

    def was_unknown(self, address: str) -> None:
        """Note that a visitor was turned away because its identity is on no record."""
        self._limiter.count(self._unknown, network_of(address))

    def serial_must_wait(self, address: str) -> float:
        """Seconds until a serial is heard from an address whose identity is on no record."""
        return self._limiter.wait(self._serials, network_of(address))

    def serial_failed(self, address: str) -> None:
        """Note that a visitor was turned away because no record waits for its serial."""
        self._limiter.count(self._serials, network_of(address))
