"""GetDiagnostics (OCPP 1.6, 5.9)."""

from __future__ import annotations

from csms.actions.context import Deps, Outbound
from csms.actions.jobs import begin, job_of, location_error, time_errors
from csms.domain.as_sent import text_in
from csms.domain.job import REQUESTED, JobKind, mask_location
from csms.errors import FieldError
from csms.ocppj.frames import Payload


def check(payload: Payload) -> list[FieldError]:
    """Refuse a place that nothing can be uploaded to."""
    return [
        *location_error(payload, "location"),
        *time_errors(payload, "startTime", "stopTime"),
    ]


def mask_request(payload: Payload) -> Payload:
    """Hide what is secret in the URL."""
    return {**payload, "location": mask_location(str(payload.get("location")))}


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep the job. A charge point that names no file has nothing to upload (5.9)."""
    file_name = text_in(answer, "fileName")
    job = job_of(
        deps,
        charge_point_id,
        JobKind.DIAGNOSTICS,
        payload["location"],
        REQUESTED if file_name else "NothingToUpload",
        file_name=file_name,
    )
    await begin(deps, job, payload["location"], "diagnosticsStatus")


OUTBOUND = Outbound("GetDiagnostics", check=check, mask_request=mask_request, after=after)
