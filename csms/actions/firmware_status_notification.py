"""FirmwareStatusNotification (OCPP 1.6, 4.5)."""

from __future__ import annotations

from csms.actions.context import Context, Inbound
from csms.actions.jobs import progress
from csms.domain.job import JobKind
from csms.ocppj.frames import Payload


async def handle(context: Context, payload: Payload) -> Payload:
    """Store how far the firmware update is."""
    await progress(context, JobKind.FIRMWARE, "firmwareStatus", payload["status"])
    return {}


INBOUND = Inbound("FirmwareStatusNotification", handle)
