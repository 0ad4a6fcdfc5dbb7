"""A process that stood still notices it."""

from __future__ import annotations

import time

from csms.connections import standstill
from csms.connections.standstill import BEAT, Standstills


def test_only_a_gap_between_beats_is_a_stop() -> None:
    standstills = Standstills()
    now = time.monotonic()
    for _ in range(20):
        now += BEAT
        standstills.beat(now)
    assert standstills.count == 0
    now += standstill.STILL + 0.1
    standstills.beat(now)
    assert (standstills.count, standstills.last_at) == (1, now)
    standstills.beat(now + BEAT)
    assert standstills.count == 1
