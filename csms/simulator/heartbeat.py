"""When a charge point sends a Heartbeat: if it has sent nothing else for the interval (4.6)."""

from __future__ import annotations

import random
from collections.abc import Callable

from csms.simulator.clock import Clock, Timer

EARLY = 0.9
"""A beat comes after this share of the interval at the earliest, so that a fleet's beats spread."""


class Heartbeat:
    """Beats while it is started. `interval` tells the seconds between beats, 0 for none."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        interval: Callable[[], int],
        beat: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._interval = interval
        self._beat = beat
        self._last_sign = 0.0
        self._is_on = False
        self._timer: Timer | None = None

    def start(self) -> None:
        """Beat from now on."""
        self._is_on = True
        self.reschedule()

    def stop(self) -> None:
        """Beat no more."""
        self._is_on = False
        self._cancel()

    def note_sign_of_life(self) -> None:
        """Something else was sent."""
        self._last_sign = self._clock.time()

    def reschedule(self) -> None:
        """Take a new interval into account."""
        self._cancel()
        interval = self._interval()
        if self._is_on and interval:
            silent = self._clock.time() - self._last_sign
            due = interval * self._rng.uniform(EARLY, 1.0) - silent
            self._timer = self._clock.call_later(max(0.0, due), self._check)

    def _check(self) -> None:
        if self._clock.time() - self._last_sign >= self._interval() * EARLY:
            self._beat()
            self.note_sign_of_life()
        self.reschedule()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
