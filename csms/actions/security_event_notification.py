"""SecurityEventNotification (Security Whitepaper, 4.8)."""

from __future__ import annotations

from csms.actions.context import Context, Inbound
from csms.domain.protocol_trouble import SKEWED_CLOCK
from csms.domain.security_event import security_event
from csms.ocppj.frames import Payload


async def handle(context: Context, payload: Payload) -> Payload:
    """Store the event; a critical one is shown with the charge point as well."""
    event = security_event(
        context.charge_point_id,
        context.peer.identity,
        payload,
        context.received_at,
        context.peer.connected_at,
    )
    if "clockSkew" in event["flags"]:
        context.note_trouble(SKEWED_CLOCK)
    await context.deps.telemetry.insert("security_events", event)
    if event["critical"]:
        await context.deps.held.set_fields(
            context.hold,
            {
                "criticalSecurityEvent": event["type"],
                "criticalSecurityEventAt": event["timestamp"],
            },
        )
    return {}


INBOUND = Inbound("SecurityEventNotification", handle)
