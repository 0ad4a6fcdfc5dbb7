"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    FINE = "fine"
    NOTE = "note"
    """Worth to know."""
    RISK = "risk"
    """A warning, and a failure of `csms check --production`."""
    FAILURE = "failure"
    """csms cannot work like this."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what was found, and what to do about it."""

    subject: str
    text: str
    level: Level = Level.FINE
    remedy: str = ""

    def fails(self, *, production: bool) -> bool:
        """Whether this alone makes the check fail."""
        return self.level is Level.FAILURE or (production and self.level is Level.RISK)
