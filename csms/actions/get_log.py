"""GetLog (Security Whitepaper, 4.5)."""

from __future__ import annotations

from csms.actions.context import Deps, Outbound
from csms.actions.jobs import begin, job_of, location_error, time_errors
from csms.domain.as_sent import status_in, text_in
from csms.domain.job import JobKind, mask_location
from csms.errors import FieldError
from csms.ocppj.frames import Payload


async def prepare(deps: Deps, charge_point_id: str, payload: Payload) -> Payload:
    """Give the request an id, if it has none."""
    if "requestId" in payload:
        return payload
    return {**payload, "requestId": await deps.jobs.next_request_id()}


def check(payload: Payload) -> list[FieldError]:
    """Refuse a place that nothing can be uploaded to."""
    return [
        *location_error(payload["log"], "remoteLocation", "log."),
        *time_errors(payload["log"], "oldestTimestamp", "latestTimestamp", path="log."),
    ]


def mask_request(payload: Payload) -> Payload:
    """Hide what is secret in the URL."""
    log = payload.get("log")
    if not isinstance(log, dict):
        return payload
    masked = mask_location(str(log.get("remoteLocation")))
    return {**payload, "log": {**log, "remoteLocation": masked}}


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep the job with what was answered."""
    job = job_of(
        deps,
        charge_point_id,
        JobKind.LOG,
        payload["log"]["remoteLocation"],
        status_in(answer),
        request_id=payload["requestId"],
        file_name=text_in(answer, "filename"),
    )
    await begin(deps, job, payload["log"]["remoteLocation"], "logStatus")


OUTBOUND = Outbound("GetLog", prepare=prepare, check=check, mask_request=mask_request, after=after)
