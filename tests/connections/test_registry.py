"""Who is connected here, and who is not any more."""

from __future__ import annotations

from typing import cast

from csms.connections.connection import Connection
from csms.connections.registry import Registry


class Seat:
    """As much of a connection as the registry looks at."""

    def __init__(self, identity: str, charge_point_id: str | None = None) -> None:
        self.identity = identity
        self.charge_point_id = charge_point_id
        self.is_known = charge_point_id is not None
        self.closed = False


def connection(identity: str, charge_point_id: str | None = None) -> Connection:
    return cast(Connection, Seat(identity, charge_point_id))


def test_a_socket_without_a_record_is_counted_and_found_by_nobody() -> None:
    registry = Registry()
    newcomer = connection("A")
    registry.add(newcomer)
    assert (len(registry), list(registry)) == (1, [newcomer])
    assert registry.with_identity("A") is None
    registry.remove(newcomer)
    assert len(registry) == 0


def test_the_old_sockets_close_leaves_the_new_one_in_its_seat() -> None:
    registry = Registry()
    old, new = connection("A", "CP1"), connection("A", "CP1")
    for each in (old, new):
        registry.add(each)
        registry.seat(each)
    registry.remove(old)
    assert registry.with_identity("A") is new
    assert registry.of("CP1") is new
    registry.remove(new)
    assert registry.of("CP1") is None
    assert registry.with_identity("A") is None


def test_a_closed_socket_gets_no_commands() -> None:
    registry = Registry()
    closed = connection("A", "CP1")
    registry.add(closed)
    registry.seat(closed)
    cast(Seat, closed).closed = True
    assert registry.of("CP1") is None


def test_an_identity_has_one_lock() -> None:
    registry = Registry()
    lock = registry.lock("A")
    assert registry.lock("A") is lock
    assert registry.lock("B") is not lock
