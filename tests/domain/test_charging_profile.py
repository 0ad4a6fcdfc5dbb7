"""Charging profiles: how a schedule reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from csms.domain.charging_profile import readable

SCHEDULE: dict[str, Any] = {
    "chargingRateUnit": "A",
    "startSchedule": "2026-11-23T00:00:00Z",
    "duration": 7200,
    "chargingSchedulePeriod": [
        {"startPeriod": 0, "limit": 16.0, "numberPhases": 3},
        {"startPeriod": 3600, "limit": 6.3},
    ],
}


def test_a_schedule_reads_as_stretches_of_time() -> None:
    start = datetime(2026, 11, 23, tzinfo=UTC)
    first, second = readable(SCHEDULE, start)
    assert (first.start, first.end) == (start, start.replace(hour=1))
    assert (first.limit, first.unit, first.numberPhases) == (16.0, "A", 3)
    assert (second.start, second.end) == (start.replace(hour=1), start.replace(hour=2))
    assert (second.startSeconds, second.endSeconds, second.limit) == (3600, 7200, 6.3)


def test_without_start_or_duration_there_are_seconds_alone() -> None:
    schedule = {name: value for name, value in SCHEDULE.items() if name != "duration"}
    first, second = readable(schedule, None)
    assert (first.endSeconds, first.start, first.end) == (3600, None, None)
    assert second.endSeconds is None


def test_a_schedule_without_periods_reads_as_none() -> None:
    assert readable({**SCHEDULE, "chargingSchedulePeriod": []}, None) == []
