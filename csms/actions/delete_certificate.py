"""DeleteCertificate (Security Whitepaper, 4.2)."""

from __future__ import annotations

from csms.actions.context import Deps, Outbound
from csms.ocppj.frames import Payload


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Note that it is gone; one that was not found is gone as well."""
    if answer.get("status") in ("Accepted", "NotFound"):
        await deps.certificates.deleted(
            charge_point_id, payload["certificateHashData"], deps.clock()
        )


OUTBOUND = Outbound("DeleteCertificate", after=after)
