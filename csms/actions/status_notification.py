"""StatusNotification (OCPP 1.6, 4.9): connector 0 is the charge point as a whole."""

from __future__ import annotations

from csms.actions.context import Context, Inbound
from csms.actions.left_behind import notice_going_on, notice_left_behind
from csms.domain.protocol_trouble import SKEWED_CLOCK
from csms.domain.times import read_device_time
from csms.ocppj.frames import Payload

_GOING_ON = frozenset({"charging", "suspendedev", "suspendedevse"})


async def handle(context: Context, payload: Payload) -> Payload:
    """Store the status, unless a newer one is there; a connector that was not known is created."""
    # Below 0 is no connector: it is taken as not sent.
    connector_id = max(0, payload["connectorId"])
    held = context.deps.held
    # By a clock that all nodes agree on: the status before may have come to another.
    now, connected_at = context.received_at, context.peer.connected_at
    if held.clock_ahead:
        now, connected_at = now - held.clock_ahead, connected_at - held.clock_ahead
    # The time is optional (6.47); without one, the status is as old as its arrival.
    time = read_device_time(payload.get("timestamp"), now, connected_at)
    if "clockSkew" in time.flags:
        context.note_trouble(SKEWED_CLOCK)
    status = {"errorCode": payload["errorCode"], "statusTimestamp": time.time}
    # Without one, as some report faults, the status is still the one before.
    if "status" in payload:
        status["status"] = payload["status"]
    if connector_id == 0:
        await held.set_status(context.hold, status, time, now)
        return {}
    status |= {
        "info": payload.get("info"),
        "vendorErrorCode": payload.get("vendorErrorCode"),
        "updatedAt": now,
    }
    await held.set_connector_status(context.hold, connector_id, status, time, now)
    folded = payload.get("status", "").casefold()
    if folded == "available":
        await notice_left_behind(context, connector_id, time.or_receipt(now))
    elif folded in _GOING_ON and "late" not in time.flags:
        notice_going_on(context, connector_id)
    return {}


INBOUND = Inbound("StatusNotification", handle)
