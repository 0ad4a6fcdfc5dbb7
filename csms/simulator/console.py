"""What the person who runs the simulator sees: one live line, and what went wrong, once."""

from __future__ import annotations

from typing import TextIO

from csms.simulator.clock import Clock, sleep

LIVE_SECONDS = 1.0
PLAIN_SECONDS = 30.0
REPEAT_SECONDS = 60.0
"""A problem that goes on is told again after this long, however many charge points have it."""


class Tally:
    """The fleet in numbers."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.connected = 0
        self.charging = 0
        self.turned_away = 0
        self.sent = 0

    def line(self) -> str:
        """These numbers for people."""
        parts = [
            f"{self.connected} of {self.count} connected",
            f"{self.charging} charging",
            f"{self.sent:,} messages sent",
        ]
        if self.turned_away:
            parts.append(f"{self.turned_away} turned away")
        return " | ".join(parts)


class Console:
    """Writes to the terminal, or line by line to a file."""

    def __init__(self, out: TextIO, clock: Clock) -> None:
        self._out = out
        self._clock = clock
        self._is_live = out.isatty()
        self._told: dict[str, float] = {}

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._write(f"\r\x1b[K{text}\n" if self._is_live else f"{text}\n")

    def problem(self, identity: str, text: str) -> None:
        """Tell a problem, unless any charge point had the same one a moment ago."""
        now = self._clock.time()
        if now - self._told.get(text, -REPEAT_SECONDS) >= REPEAT_SECONDS:
            self._told[text] = now
            self.say(f"{identity}: {text}")

    def show(self, text: str) -> None:
        """Write over the live line; without a terminal, write a line."""
        self._write(f"\r\x1b[K{text}" if self._is_live else f"{text}\n")

    async def watch(self, tally: Tally) -> None:
        """Show the numbers again and again."""
        while True:
            await sleep(self._clock, LIVE_SECONDS if self._is_live else PLAIN_SECONDS)
            self.show(tally.line())

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
