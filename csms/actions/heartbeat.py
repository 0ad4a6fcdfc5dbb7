"""Heartbeat (OCPP 1.6, 4.6): answered at once, stored behind."""

from __future__ import annotations

from csms.actions.context import Context, Inbound
from csms.domain.stored_bytes import HEARTBEATS
from csms.domain.times import rfc3339
from csms.ocppj.frames import Payload


def handle(context: Context, payload: Payload) -> Payload:
    """Tell the time."""
    size = context.deps.telemetry.insert_behind(
        "heartbeats",
        {
            "chargePointId": context.charge_point_id,
            "chargePointIdentity": context.peer.identity,
            "receivedAt": context.received_at,
        },
    )
    context.peer.stored.add(HEARTBEATS, size)
    # It is answered in the moment that it is received.
    return {"currentTime": rfc3339(context.received_at)}


INBOUND = Inbound("Heartbeat", at_once=handle)
