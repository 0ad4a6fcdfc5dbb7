"""When a Heartbeat is sent."""

from __future__ import annotations

import random

import pytest

from csms.simulator.heartbeat import Heartbeat
from tests.simulator.support import ManualClock


class Beats:
    """A heartbeat whose beats are counted."""

    def __init__(self, clock: ManualClock, interval: int, seed: int = 1) -> None:
        self.clock = clock
        self.interval = interval
        self.at: list[float] = []
        self.heartbeat = Heartbeat(
            clock,
            random.Random(seed),
            lambda: self.interval,
            lambda: self.at.append(clock.time()),
        )
        self.heartbeat.note_sign_of_life()
        self.heartbeat.start()


def test_it_beats_every_interval_and_not_later(clock: ManualClock) -> None:
    beats = Beats(clock, 100)
    clock.advance(1000)
    gaps = [b - a for a, b in zip([0.0, *beats.at], beats.at, strict=False)]
    assert len(gaps) in (10, 11)
    assert all(90 <= gap <= 100 for gap in gaps)


def test_a_fleet_does_not_beat_in_step(clock: ManualClock) -> None:
    fleet = [Beats(clock, 100, seed) for seed in range(20)]
    clock.advance(100)
    assert len({beats.at[0] for beats in fleet}) == 20


def test_any_other_message_counts(clock: ManualClock) -> None:
    beats = Beats(clock, 100)
    for _ in range(9):
        clock.advance(80)
        beats.heartbeat.note_sign_of_life()
    assert beats.at == []
    clock.advance(100)
    assert len(beats.at) == 1


def test_a_new_interval_counts_at_once(clock: ManualClock) -> None:
    beats = Beats(clock, 1000)
    clock.advance(50)
    beats.interval = 20
    beats.heartbeat.reschedule()
    clock.advance(0)
    assert beats.at == [50]
    clock.advance(20)
    assert len(beats.at) == 2


@pytest.mark.parametrize("stop", [True, False])
def test_no_beats_when_stopped_or_without_interval(clock: ManualClock, stop: bool) -> None:
    beats = Beats(clock, 100 if stop else 0)
    if stop:
        beats.heartbeat.stop()
    clock.advance(1000)
    assert beats.at == []
