"""Times and durations as people give and read them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from csms.domain.times import to_utc
from csms.web.api.readings import with_plus


def _in_viewers_zone(time: datetime, info: ValidationInfo) -> datetime:
    if time.tzinfo is None and info.context is not None:
        time = time.replace(tzinfo=info.context["zone"])
    return to_utc(time)


LocalTime = Annotated[datetime, BeforeValidator(with_plus), AfterValidator(_in_viewers_zone)]
"""A time of a query string; without a zone it is in the viewer's, as a datetime-local input is."""


def duration(lasted: timedelta) -> str:
    """Hours, minutes and seconds."""
    seconds = max(0, int(lasted.total_seconds()))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
