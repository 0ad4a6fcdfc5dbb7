"""SignedUpdateFirmware (Security Whitepaper, 4.10)."""

from __future__ import annotations

from csms.actions.context import Deps, Outbound
from csms.actions.get_log import prepare
from csms.actions.jobs import begin, job_of, location_error, time_errors
from csms.domain.as_sent import status_in
from csms.domain.job import JobKind, mask_location
from csms.errors import FieldError
from csms.ocppj.frames import Payload


def check(payload: Payload) -> list[FieldError]:
    """Refuse what no charge point could fetch."""
    firmware = payload["firmware"]
    return [
        *location_error(firmware, "location", "firmware."),
        *time_errors(firmware, "retrieveDateTime", "installDateTime", path="firmware."),
    ]


def mask_request(payload: Payload) -> Payload:
    """Hide what is secret in the URL."""
    firmware = payload.get("firmware")
    if not isinstance(firmware, dict):
        return payload
    masked = mask_location(str(firmware.get("location")))
    return {**payload, "firmware": {**firmware, "location": masked}}


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep the job with what was answered."""
    job = job_of(
        deps,
        charge_point_id,
        JobKind.SIGNED_FIRMWARE,
        payload["firmware"]["location"],
        status_in(answer),
        request_id=payload["requestId"],
    )
    await begin(deps, job, payload["firmware"]["location"], "firmwareStatus")


OUTBOUND = Outbound(
    "SignedUpdateFirmware",
    prepare=prepare,
    check=check,
    mask_request=mask_request,
    after=after,
)
