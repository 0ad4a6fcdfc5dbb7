"""The gate: a bounded rate of newcomers, and the rest spread over the time to come."""

from __future__ import annotations

from collections import Counter

from csms.connections.gate import LONGEST_WAIT, Gate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_crowd_is_spread() -> None:
    gate = Gate(10, Clock())
    waits = Counter(gate.wait() for _ in range(50))
    assert waits[0] == 10
    assert set(waits) == {0, 1, 2, 3, 4, 5}
    assert max(waits.values()) <= 10


def test_who_comes_as_told_is_let_in() -> None:
    clock = Clock()
    gate = Gate(10, clock)
    crowd = [gate.wait() for _ in range(40)]
    tries = 0
    while waiting := [wait for wait in crowd if wait]:
        tries += 1
        clock.now += 1
        crowd = [gate.wait() if wait <= 1 else wait - 1 for wait in waiting]
    assert tries <= 6


def test_the_wait_is_bounded_and_the_rate_comes_back() -> None:
    clock = Clock()
    gate = Gate(1, clock)
    assert max(gate.wait() for _ in range(1_000)) == LONGEST_WAIT
    clock.now = 2_000
    assert gate.wait() == 0


def test_zero_is_no_limit() -> None:
    gate = Gate(0, Clock())
    assert {gate.wait() for _ in range(1_000)} == {0}
