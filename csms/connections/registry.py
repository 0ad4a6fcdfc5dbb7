"""The sockets of this node, by identity and by charge point."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from weakref import WeakValueDictionary

from csms.connections.connection import Connection


class Registry:
    """Who is connected here. At most one connection holds an identity."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._by_identity: dict[str, Connection] = {}
        self._by_id: dict[str, Connection] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._open))

    def lock(self, identity: str) -> asyncio.Lock:
        """Held while somebody decides who gets this identity."""
        return self._locks.setdefault(identity, asyncio.Lock())

    def with_identity(self, identity: str) -> Connection | None:
        """The connection that holds an identity."""
        return self._by_identity.get(identity)

    def of(self, charge_point_id: str) -> Connection | None:
        """The connection of a charge point, by the id of its record."""
        connection = self._by_id.get(charge_point_id)
        return None if connection is None or connection.closed else connection

    def add(self, connection: Connection) -> None:
        """Note a socket that is open, whoever it may turn out to be."""
        self._open.add(connection)

    def seat(self, connection: Connection) -> None:
        """Give a connection its identity and record, in place of whoever had them."""
        self._by_identity[connection.identity] = connection
        self._by_id[connection.charge_point_id] = connection

    def remove(self, connection: Connection) -> None:
        """Take a connection out; one that has replaced it stays."""
        self._open.discard(connection)
        if self._by_identity.get(connection.identity) is connection:
            del self._by_identity[connection.identity]
        if connection.is_known and self._by_id.get(connection.charge_point_id) is connection:
            del self._by_id[connection.charge_point_id]
