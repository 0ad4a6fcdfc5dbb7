"""Charging profiles and schedules (OCPP 1.6, 3.13 and 7.8 to 7.14), their rules and reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, Field

from csms.domain.times import is_rfc3339, parse_time
from csms.errors import FieldError

MAX_PROFILE, TX_DEFAULT, TX = "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"
Purpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
_A_TIME = "must be a time such as 2026-01-31T12:00:00Z"


class Period(BaseModel):
    """A stretch of a schedule. Without a start in time, `start` and `end` are null."""

    startSeconds: int = Field(description="from the schedule's start, seconds")
    endSeconds: int | None = Field(description="null where the schedule has no end")
    start: datetime | None
    end: datetime | None
    limit: float
    unit: str = Field(description="A (per phase) or W (in all)")
    numberPhases: int | None = None


class ChargingProfileView(BaseModel):
    """A profile that a charge point has accepted."""

    chargePointId: str
    connectorId: int | None
    chargingProfileId: int
    chargingProfilePurpose: str
    chargingProfileKind: str
    recurrencyKind: str | None = None
    stackLevel: int
    transactionId: int | None = None
    validFrom: datetime | None = None
    validTo: datetime | None = None
    periods: list[Period]
    createdAt: datetime


def profile_errors(profile: Mapping[str, Any], connector_id: int, path: str) -> list[FieldError]:
    """What breaks the rules of SetChargingProfile (5.16) in a profile that fits its schema.

    `path` is where the profile is in its payload, with a dot at the end.
    """
    purpose = profile["chargingProfilePurpose"]
    errors = _common_errors(profile, path)
    if connector_id < 0:
        errors.append(FieldError("connectorId", "must be 0, for the whole charge point, or more"))
    if purpose == MAX_PROFILE and connector_id != 0:
        errors.append(FieldError("connectorId", f"must be 0 for a {MAX_PROFILE}"))
    if purpose == TX and connector_id == 0:
        errors.append(FieldError("connectorId", f"must be 1 or more for a {TX}"))
    if purpose == TX and "transactionId" not in profile:
        errors.append(FieldError(f"{path}transactionId", f"is required for a {TX}"))
    if purpose != TX and "transactionId" in profile:
        errors.append(FieldError(f"{path}transactionId", f"is for a {TX} alone; leave it out"))
    return errors


def remote_start_profile_errors(profile: Mapping[str, Any], path: str) -> list[FieldError]:
    """The same for a profile that comes with RemoteStartTransaction (5.11)."""
    errors = _common_errors(profile, path)
    if profile["chargingProfilePurpose"] != TX:
        message = f"must be {TX}, as the profile is for the transaction to be started"
        errors.append(FieldError(f"{path}chargingProfilePurpose", message))
    if "transactionId" in profile:
        message = "must be left out: the transaction has no id yet"
        errors.append(FieldError(f"{path}transactionId", message))
    return errors


def _common_errors(profile: Mapping[str, Any], path: str) -> list[FieldError]:
    errors = []
    if profile["stackLevel"] < 0:
        errors.append(FieldError(f"{path}stackLevel", "must be 0 or more"))
    if (profile["chargingProfileKind"] == "Recurring") != ("recurrencyKind" in profile):
        message = "is required for a Recurring profile, and for no other"
        errors.append(FieldError(f"{path}recurrencyKind", message))
    errors += _validity_errors(profile, path)
    kind, schedule = profile["chargingProfileKind"], profile["chargingSchedule"]
    start = f"{path}chargingSchedule.startSchedule"
    if kind == "Relative" and "startSchedule" in schedule:
        message = "must be left out: a Relative profile starts with charging"
        errors.append(FieldError(start, message))
    if kind == "Recurring" and "startSchedule" not in schedule:
        errors.append(FieldError(start, "is required for a Recurring profile"))
    return errors + _schedule_errors(schedule, f"{path}chargingSchedule.")


def _validity_errors(profile: Mapping[str, Any], path: str) -> list[FieldError]:
    names = [name for name in ("validFrom", "validTo") if name in profile]
    if names and profile["chargingProfilePurpose"] == TX:
        message = f"is not for a {TX}, which ends with its transaction; leave it out"
        return [FieldError(f"{path}{name}", message) for name in names]
    errors = [FieldError(f"{path}{n}", _A_TIME) for n in names if not is_rfc3339(profile[n])]
    if not errors and len(names) == 2:
        valid_from, valid_to = parse_time(profile["validFrom"]), parse_time(profile["validTo"])
        assert valid_from is not None and valid_to is not None
        if valid_to <= valid_from:
            errors.append(FieldError(f"{path}validTo", "must be later than validFrom"))
    return errors


def _schedule_errors(schedule: Mapping[str, Any], path: str) -> list[FieldError]:
    errors = []
    if "startSchedule" in schedule and not is_rfc3339(schedule["startSchedule"]):
        errors.append(FieldError(f"{path}startSchedule", _A_TIME))
    duration = schedule.get("duration")
    if duration is not None and duration <= 0:
        errors.append(FieldError(f"{path}duration", "must be more than 0 seconds"))
    if schedule.get("minChargingRate", 0) < 0:
        errors.append(FieldError(f"{path}minChargingRate", "must be 0 or more"))
    return errors + _period_errors(schedule["chargingSchedulePeriod"], duration, path)


def _period_errors(
    periods: Sequence[Mapping[str, Any]], duration: int | None, path: str
) -> list[FieldError]:
    name = f"{path}chargingSchedulePeriod"
    if not periods:
        return [FieldError(name, "must have at least one period")]
    errors = []
    if periods[0]["startPeriod"] != 0:
        errors.append(FieldError(f"{name}.0.startPeriod", "must be 0 for the first period"))
    for index, period in enumerate(periods):
        if index and period["startPeriod"] <= periods[index - 1]["startPeriod"]:
            message = "must be later than that of the period before"
            errors.append(FieldError(f"{name}.{index}.startPeriod", message))
        if duration is not None and 0 < duration <= period["startPeriod"]:
            message = "must be less than the duration"
            errors.append(FieldError(f"{name}.{index}.startPeriod", message))
        if period["limit"] < 0:
            errors.append(FieldError(f"{name}.{index}.limit", "must be 0 or more"))
        if not 1 <= period.get("numberPhases", 3) <= 3:
            errors.append(FieldError(f"{name}.{index}.numberPhases", "must be 1, 2 or 3"))
    return errors


def readable(schedule: Mapping[str, Any], start: datetime | None) -> list[Period]:
    """A schedule's periods with their beginnings and ends; `start` is the schedule's, if known."""
    return list(_periods(schedule, start))


def _periods(schedule: Mapping[str, Any], start: datetime | None) -> Iterator[Period]:
    periods = schedule["chargingSchedulePeriod"]
    for index, period in enumerate(periods):
        last = index == len(periods) - 1
        begins = period["startPeriod"]
        ends = schedule.get("duration") if last else periods[index + 1]["startPeriod"]
        yield Period(
            startSeconds=begins,
            endSeconds=ends,
            start=_later(start, begins),
            end=_later(start, ends),
            limit=period["limit"],
            unit=schedule["chargingRateUnit"],
            numberPhases=period.get("numberPhases"),
        )


def _later(start: datetime | None, seconds: int | None) -> datetime | None:
    if start is None or seconds is None:
        return None
    try:
        return start + timedelta(seconds=seconds)
    except OverflowError:
        return None


def document(
    charge_point_id: str, connector_id: int | None, profile: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """The record of a profile that was accepted; `connector_id` is None if any one may start."""
    return {
        "chargePointId": charge_point_id,
        "connectorId": connector_id,
        "chargingProfileId": profile["chargingProfileId"],
        "chargingProfilePurpose": profile["chargingProfilePurpose"],
        "stackLevel": profile["stackLevel"],
        "transactionId": profile.get("transactionId"),
        "profile": dict(profile),
        "createdAt": now,
    }


def view(record: Mapping[str, Any]) -> ChargingProfileView:
    """A record as REST shows it."""
    profile = record["profile"]
    schedule = profile["chargingSchedule"]
    start = parse_time(schedule.get("startSchedule"))
    return ChargingProfileView.model_validate(
        {**profile, **record, "periods": readable(schedule, start)}
        | {name: parse_time(profile.get(name)) for name in ("validFrom", "validTo")}
    )
