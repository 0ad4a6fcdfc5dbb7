"""Connections whose identity is on no record: they may wait until their boot tells a serial."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from csms.domain.limiter import network_of

if TYPE_CHECKING:
    from csms.connections.connection import Connection

MAX_WAITING = 200
"""Of one network at a time."""
RETRY_AFTER = 10.0


class WaitingRoom:
    """The connections that wait: a bounded number from each network."""

    def __init__(self) -> None:
        self._inside: dict[Connection, str] = {}
        self._counts: Counter[str] = Counter()

    def is_full(self, address: str) -> bool:
        """Whether one more of this address has to come again later."""
        return self._counts[network_of(address)] >= MAX_WAITING

    def enter(self, connection: Connection) -> None:
        """Count a connection."""
        network = network_of(connection.remote_address)
        self._inside[connection] = network
        self._counts[network] += 1

    def leave(self, connection: Connection) -> None:
        """Count it no more, if it was counted."""
        network = self._inside.pop(connection, None)
        if network is not None:
            self._counts[network] -= 1
            if not self._counts[network]:
                del self._counts[network]
