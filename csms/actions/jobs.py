"""What the actions of firmware, diagnostics and logs share: their jobs and their URLs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from csms.actions.checks import time_error
from csms.actions.context import Context, Deps
from csms.domain.job import ACTIONS, ENDED, FINAL, JobKind, new_job, token_of
from csms.errors import DatabaseUnavailable, FieldError

REJECTED = "Rejected"
ATTEMPTS = 5


def location_error(payload: Mapping[str, Any], name: str, path: str = "") -> list[FieldError]:
    """A mistake if the field `name` is no URL that a charge point could go to."""
    try:
        url = urlsplit(payload[name])
        # Reading the port finds what is no host: a password with a raw / or ? or # in it.
        is_url = bool(url.scheme and url.netloc) and url.port != 0
    except ValueError:
        is_url = False
    if is_url:
        return []
    return [
        FieldError(
            f"{path}{name}",
            "must be a URL such as https://... or ftp://...; encode what is special in it",
        )
    ]


def time_errors(payload: Mapping[str, Any], *names: str, path: str = "") -> list[FieldError]:
    """Mistakes in fields that are times."""
    return [error for name in names for error in time_error(payload, name, path)]


async def begin(deps: Deps, job: dict[str, Any], location: str, told_as: str) -> None:
    """Keep a new job. What the charge point told or uploaded before its answer was read counts.

    `location` is the URL as it was sent; one of ours is good for this job alone. `told_as` is where
    the charge point's record has the last status that came.
    """
    await deps.jobs.create(job)
    if token := token_of(location):
        file_id = await deps.files.tie_link(token, job["_id"])
        if file_id is not None:
            await deps.jobs.attach(job["_id"], file_id)
    if job["status"] == REJECTED:
        await deps.files.end_link(job["_id"], job["createdAt"])
    if job["ended"]:
        return
    record = await deps.charge_points.get(job["chargePointId"])
    status, at = record.get(told_as), record.get(f"{told_as}At")
    asked_at = await deps.commands.last_requested_at(job["chargePointId"], ACTIONS[job["kind"]])
    # An end is that of the job before: this one has hardly begun.
    if status and status not in ENDED and at and asked_at and at >= asked_at:
        if current := await deps.jobs.concerned(job["chargePointId"], job["kind"], status):
            await deps.jobs.note(current, status, at)


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
    about = context.charge_point_id, kind, status, request_id
    for _ in range(ATTEMPTS):
        # Read before the record is written: what another node was told since would end this there.
        job = await deps.jobs.concerned(*about)
        await deps.held.set_fields(context.hold, {told_as: status, f"{told_as}At": now})
        if job is None:
            # It may have been begun just now, by who did not see this in the record yet.
            job = await deps.jobs.concerned(*about)
        if job is None:
            return
        if await deps.jobs.note(job, status, now):
            if status in FINAL:
                await deps.files.end_link(job["_id"], now)
            return
    raise DatabaseUnavailable("the job kept changing")
