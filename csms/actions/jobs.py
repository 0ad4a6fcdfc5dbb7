"""What the actions of firmware, diagnostics and logs share: their jobs and their URLs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from csms.actions.checks import time_error
from csms.actions.context import Context, Deps
from csms.domain.job import ENDED, JobKind, new_job
from csms.errors import FieldError

JUST_NOW = timedelta(seconds=2)


def location_error(payload: Mapping[str, Any], name: str, path: str = "") -> list[FieldError]:
    """A mistake if the field `name` is no URL that a charge point could go to."""
    try:
        url = urlsplit(payload[name])
        is_url = bool(url.scheme and url.netloc)
    except ValueError:
        is_url = False
    if is_url:
        return []
    return [FieldError(f"{path}{name}", "must be a URL such as https://... or ftp://...")]


def retry_errors(payload: Mapping[str, Any]) -> list[FieldError]:
    """Mistakes in how often to try again, and after how many seconds."""
    return [
        FieldError(name, "must be 0 or more")
        for name in ("retries", "retryInterval")
        if payload.get(name, 0) < 0
    ]


def time_errors(payload: Mapping[str, Any], *names: str, path: str = "") -> list[FieldError]:
    """Mistakes in fields that are times."""
    return [error for name in names for error in time_error(payload, name, path)]


async def begin(deps: Deps, job: dict[str, Any], told_as: str) -> None:
    """Keep a new job. What the charge point told of it before its answer was read counts.

    `told_as` is where its record has the last status that came without a request id.
    """
    await deps.jobs.create(job)
    record = await deps.charge_points.get(job["chargePointId"])
    status, at = record.get(told_as), record.get(f"{told_as}At")
    if status and at and at >= job["createdAt"] - JUST_NOW:
        await deps.jobs.note(job["chargePointId"], job["kind"], status, at)


def job_of(
    deps: Deps, charge_point_id: str, kind: JobKind, location: str, status: str, **fields: Any
) -> dict[str, Any]:
    """The record of a job that was just answered."""
    return new_job(charge_point_id, kind, location, status, deps.clock(), **fields)


async def progress(
    context: Context, kind: JobKind, told_as: str, status: str, request_id: int | None = None
) -> None:
    """Store a status that a charge point has told: with its record, and with its job."""
    deps, now = context.deps, context.received_at
    await deps.charge_points.set_fields(
        context.charge_point_id, {told_as: status, f"{told_as}At": now}
    )
    await deps.jobs.note(context.charge_point_id, kind, status, now, request_id)
    if status in ENDED:
        await deps.files.end_links(context.charge_point_id, kind, now)
