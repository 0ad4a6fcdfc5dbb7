"""Charging profiles and schedules (OCPP 1.6, 3.13 and 7.8 to 7.14), and how they read.

Whether a profile keeps the rules of its purpose is the charge point's to judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, Field

from csms.domain.times import parse_time

TX = "TxProfile"
Purpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]


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
