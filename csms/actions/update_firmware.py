"""UpdateFirmware (OCPP 1.6, 5.19)."""

from __future__ import annotations

from csms.actions.context import Deps, Outbound
from csms.actions.jobs import begin, job_of, location_error, time_errors
from csms.domain.job import REQUESTED, JobKind, mask_location
from csms.errors import FieldError
from csms.ocppj.frames import Payload


def check(payload: Payload) -> list[FieldError]:
    """Refuse what no charge point could fetch."""
    return [
        *location_error(payload, "location"),
        *time_errors(payload, "retrieveDate"),
    ]


def mask_request(payload: Payload) -> Payload:
    """Hide what is secret in the URL."""
    return {**payload, "location": mask_location(str(payload.get("location")))}


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep the job; its status is told by notifications."""
    job = job_of(deps, charge_point_id, JobKind.FIRMWARE, payload["location"], REQUESTED)
    await begin(deps, job, payload["location"], "firmwareStatus")


OUTBOUND = Outbound("UpdateFirmware", check=check, mask_request=mask_request, after=after)
