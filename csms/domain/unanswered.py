"""Questions of our own that a charge point leaves unanswered: asked again with growing pauses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
"""How long csms waits after the first unanswered question, the second, and so on. When all pauses
are used up, the charge point is left alone until a person asks."""

CONFIGURATION = "configurationUnanswered"
"""The record's field for GetConfiguration after a boot."""
BOOT = "bootUnanswered"
"""The record's field for TriggerMessage where a charge point has not booted."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """How often in a row a question was asked in vain, and when last."""

    times: int = 0
    last_at: datetime | None = None

    @classmethod
    def read(cls, record: Mapping[str, Any], field: str) -> Unanswered:
        """What a charge point's record has in one of the fields above."""
        found = record.get(field) or {}
        return cls(found.get("times", 0), found.get("lastAt"))

    def document(self) -> dict[str, Any]:
        """The value of the record's field."""
        return {"times": self.times, "lastAt": self.last_at}

    def once_more(self, now: datetime) -> Unanswered:
        """The same after one more question without an answer."""
        return Unanswered(self.times + 1, now)

    @property
    def is_left_alone(self) -> bool:
        """Whether the charge point is not asked again."""
        return self.times > len(PAUSES)

    @property
    def next_at(self) -> datetime | None:
        """When it is asked again; None if that may be now, or never again."""
        if self.times == 0 or self.last_at is None or self.is_left_alone:
            return None
        return self.last_at + PAUSES[self.times - 1]

    def seconds_until_next(self, now: datetime) -> float:
        """How long to wait before it is asked again."""
        return max(0.0, (self.next_at - now).total_seconds()) if self.next_at else 0.0
