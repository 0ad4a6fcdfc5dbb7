"""Heartbeat (OCPP 1.6, 4.6): answered at once, stored behind."""

from __future__ import annotations

from csms.actions.context import Context, Inbound
from csms.domain.times import rfc3339
from csms.ocppj.frames import Payload


def handle(context: Context, payload: Payload) -> Payload:
    """Tell the time."""
    context.deps.telemetry.insert_behind(
        "heartbeats",
        {
            "chargePointId": context.charge_point_id,
            "chargePointIdentity": context.peer.identity,
            "receivedAt": context.received_at,
        },
    )
    return {"currentTime": rfc3339(context.deps.clock())}


INBOUND = Inbound("Heartbeat", at_once=handle)
