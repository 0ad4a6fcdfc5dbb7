"""SignedFirmwareStatusNotification (Security Whitepaper, 4.9)."""

from __future__ import annotations

from csms.actions.context import Context, Inbound
from csms.actions.jobs import progress
from csms.domain.job import JobKind
from csms.ocppj.frames import Payload


async def handle(context: Context, payload: Payload) -> Payload:
    """Store how far the signed firmware update is."""
    await progress(
        context,
        JobKind.SIGNED_FIRMWARE,
        "firmwareStatus",
        payload["status"],
        payload.get("requestId"),
    )
    return {}


INBOUND = Inbound("SignedFirmwareStatusNotification", handle)
