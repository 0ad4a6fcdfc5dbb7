"""Charging profiles: what breaks their rules, and how a schedule reads."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from csms.domain.charging_profile import profile_errors, readable, remote_start_profile_errors

DEFAULT = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "startSchedule": "2026-11-23T00:00:00Z",
        "duration": 7200,
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 16.0, "numberPhases": 3},
            {"startPeriod": 3600, "limit": 6.3},
        ],
    },
}
MAX = {"chargingProfilePurpose": "ChargePointMaxProfile"}
TX = {"chargingProfilePurpose": "TxProfile", "transactionId": 7}
RELATIVE = {"chargingProfileKind": "Relative", "startSchedule": None}


def profile(**changes: Any) -> dict[str, Any]:
    """The default with fields changed; None takes one out, schedule fields go where they belong."""
    made: dict[str, Any] = copy.deepcopy(DEFAULT)
    for name, value in changes.items():
        schedule_fields = {"startSchedule", "duration", "chargingSchedulePeriod", "minChargingRate"}
        holder = made["chargingSchedule"] if name in schedule_fields else made
        if value is None:
            holder.pop(name, None)
        else:
            holder[name] = value
    return made


def periods(*pairs: tuple[int, float]) -> list[dict[str, Any]]:
    return [{"startPeriod": start, "limit": limit} for start, limit in pairs]


@pytest.mark.parametrize(
    ("connector_id", "changes"),
    [
        (0, {}),
        (1, {}),
        (0, MAX),
        (1, TX),
        (1, RELATIVE),
        (1, TX | RELATIVE),
        (1, {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}),
        (1, {"startSchedule": None, "duration": None}),
        (1, {"validFrom": "2026-01-01T00:00:00Z", "validTo": "2026-01-01T00:00:01+00:00"}),
        (1, {"chargingSchedulePeriod": periods((0, 0))}),
    ],
)
def test_what_keeps_the_rules(connector_id: int, changes: dict[str, Any]) -> None:
    assert profile_errors(profile(**changes), connector_id, "") == []


@pytest.mark.parametrize(
    ("connector_id", "changes", "field"),
    [
        (1, MAX, "connectorId"),
        (0, TX, "connectorId"),
        (-1, {}, "connectorId"),
        (1, {"chargingProfilePurpose": "TxProfile"}, "p.transactionId"),
        (1, {"transactionId": 7}, "p.transactionId"),
        (1, {"stackLevel": -1}, "p.stackLevel"),
        (1, {"chargingProfileKind": "Recurring"}, "p.recurrencyKind"),
        (1, {"recurrencyKind": "Daily"}, "p.recurrencyKind"),
        (1, {"chargingProfileKind": "Relative"}, "p.chargingSchedule.startSchedule"),
        (
            1,
            {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily", "startSchedule": None},
            "p.chargingSchedule.startSchedule",
        ),
        (1, {"startSchedule": "noon"}, "p.chargingSchedule.startSchedule"),
        (1, {"validFrom": "2026-01-01"}, "p.validFrom"),
        (
            1,
            {"validFrom": "2026-01-01T00:00:00Z", "validTo": "2026-01-01T00:00:00Z"},
            "p.validTo",
        ),
        (1, TX | {"validTo": "2026-01-01T00:00:00Z"}, "p.validTo"),
        (1, {"duration": 0}, "p.chargingSchedule.duration"),
        (1, {"minChargingRate": -0.1}, "p.chargingSchedule.minChargingRate"),
        (1, {"chargingSchedulePeriod": []}, "p.chargingSchedule.chargingSchedulePeriod"),
        (
            1,
            {"chargingSchedulePeriod": periods((1, 6))},
            "p.chargingSchedule.chargingSchedulePeriod.0.startPeriod",
        ),
        (
            1,
            {"chargingSchedulePeriod": periods((0, 6), (60, 7), (60, 8))},
            "p.chargingSchedule.chargingSchedulePeriod.2.startPeriod",
        ),
        (
            1,
            {"chargingSchedulePeriod": periods((0, 6), (7200, 7))},
            "p.chargingSchedule.chargingSchedulePeriod.1.startPeriod",
        ),
        (
            1,
            {"chargingSchedulePeriod": periods((0, -1))},
            "p.chargingSchedule.chargingSchedulePeriod.0.limit",
        ),
        (
            1,
            {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6, "numberPhases": 4}]},
            "p.chargingSchedule.chargingSchedulePeriod.0.numberPhases",
        ),
    ],
)
def test_what_breaks_them(connector_id: int, changes: dict[str, Any], field: str) -> None:
    errors = profile_errors(profile(**changes), connector_id, "p.")
    assert [error.field for error in errors] == [field]


def test_a_remote_start_takes_a_profile_for_its_transaction_alone() -> None:
    good = profile(**TX | RELATIVE | {"transactionId": None})
    assert remote_start_profile_errors(good, "p.") == []
    errors = remote_start_profile_errors(profile(transactionId=7), "p.")
    assert [error.field for error in errors] == ["p.chargingProfilePurpose", "p.transactionId"]


def test_a_schedule_reads_as_stretches_of_time() -> None:
    start = datetime(2026, 11, 23, tzinfo=UTC)
    first, second = readable(DEFAULT["chargingSchedule"], start)
    assert (first.start, first.end) == (start, start.replace(hour=1))
    assert (first.limit, first.unit, first.numberPhases) == (16.0, "A", 3)
    assert (second.start, second.end) == (start.replace(hour=1), start.replace(hour=2))
    assert (second.startSeconds, second.endSeconds, second.limit) == (3600, 7200, 6.3)


def test_without_start_or_duration_there_are_seconds_alone() -> None:
    schedule = profile(duration=None)["chargingSchedule"]
    first, second = readable(schedule, None)
    assert (first.endSeconds, first.start, first.end) == (3600, None, None)
    assert second.endSeconds is None
