"""GetCompositeSchedule (OCPP 1.6, 5.7)."""

from __future__ import annotations

from csms.actions.context import Outbound
from csms.errors import FieldError
from csms.ocppj.frames import Payload


def check(payload: Payload) -> list[FieldError]:
    """Refuse a span that is none."""
    if payload["duration"] <= 0:
        return [FieldError("duration", "must be more than 0 seconds")]
    return []


OUTBOUND = Outbound("GetCompositeSchedule", check=check)
