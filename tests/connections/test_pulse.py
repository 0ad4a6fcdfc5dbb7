"""A process that stood still notices it."""

from __future__ import annotations

import time

from csms.connections import pulse as module
from csms.connections.pulse import BEAT, Pulse


def test_only_a_gap_between_beats_is_a_stop() -> None:
    pulse = Pulse()
    now = time.monotonic()
    for _ in range(20):
        now += BEAT
        pulse.beat(now)
    assert pulse.stops == 0
    now += module.STILL + 0.1
    pulse.beat(now)
    assert (pulse.stops, pulse.stopped_at) == (1, now)
    pulse.beat(now + BEAT)
    assert pulse.stops == 1
