"""Heartbeat intervals of a fleet."""

from __future__ import annotations

from csms.domain.heartbeat import spread_interval


def test_a_fleet_is_spread_and_nobody_is_told_longer() -> None:
    told = [spread_interval(300, 10, f"CP{n}") for n in range(1_000)]
    assert (min(told), max(told)) == (270, 300)
    assert len(set(told)) == 31
    assert told == [spread_interval(300, 10, f"CP{n}") for n in range(1_000)]


def test_without_jitter_all_are_told_the_same() -> None:
    assert {spread_interval(300, 0, f"CP{n}") for n in range(100)} == {300}
    assert {spread_interval(1, 50, f"CP{n}") for n in range(100)} == {1}
