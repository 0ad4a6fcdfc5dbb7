"""FirmwareStatusNotification (OCPP 1.6, 4.5)."""

from __future__ import annotations

from csms.actions.context import Context, Inbound
from csms.ocppj.frames import Payload


async def handle(context: Context, payload: Payload) -> Payload:
    """Store how far the firmware update is."""
    await context.deps.charge_points.set_fields(
        context.charge_point_id,
        {"firmwareStatus": payload["status"], "firmwareStatusAt": context.received_at},
    )
    return {}


INBOUND = Inbound("FirmwareStatusNotification", handle)
