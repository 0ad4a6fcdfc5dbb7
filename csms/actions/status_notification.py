"""StatusNotification (OCPP 1.6, 4.9): connector 0 is the charge point as a whole."""

from __future__ import annotations

from csms.actions.context import Context, Inbound
from csms.actions.left_behind import notice_going_on, notice_left_behind
from csms.domain.protocol_trouble import SKEWED_CLOCK
from csms.domain.times import read_device_time
from csms.errors import OcppError
from csms.ocppj.frames import Payload

_GOING_ON = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})


async def handle(context: Context, payload: Payload) -> Payload:
    """Store the status; a connector that was not known is created."""
    connector_id = payload["connectorId"]
    if connector_id < 0:
        raise OcppError("PropertyConstraintViolation", "connectorId: must not be negative")
    now = context.received_at
    # The time is optional (6.47); without one, the status is as old as its arrival.
    time = read_device_time(payload.get("timestamp"), now, context.peer.connected_at)
    if "clockSkew" in time.flags:
        context.note_trouble(SKEWED_CLOCK)
    status = {
        "status": payload["status"],
        "errorCode": payload["errorCode"],
        "statusTimestamp": time.time,
    }
    charge_points = context.deps.charge_points
    if connector_id == 0:
        await charge_points.set_fields(context.charge_point_id, status)
        return {}
    status |= {
        "info": payload.get("info"),
        "vendorErrorCode": payload.get("vendorErrorCode"),
        "updatedAt": now,
    }
    await charge_points.set_connector_status(context.charge_point_id, connector_id, status, now)
    if payload["status"] == "Available":
        await notice_left_behind(context, connector_id, time.or_receipt(now))
    elif payload["status"] in _GOING_ON and "late" not in time.flags:
        notice_going_on(context, connector_id)
    return {}


INBOUND = Inbound("StatusNotification", handle)
