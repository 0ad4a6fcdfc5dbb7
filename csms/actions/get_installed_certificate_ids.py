"""GetInstalledCertificateIds (Security Whitepaper, 4.3)."""

from __future__ import annotations

from csms.actions.context import Deps, Outbound
from csms.ocppj.frames import Payload
from csms.ocppj.payloads import answer_errors

ACTION = "GetInstalledCertificateIds"


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep the list."""
    if answer_errors(ACTION, answer):
        return
    told = answer.get("certificateHashData", [])
    await deps.certificates.listed(charge_point_id, payload["certificateType"], told, deps.clock())


OUTBOUND = Outbound(ACTION, after=after)
