"""LogStatusNotification (Security Whitepaper, 4.6)."""

from __future__ import annotations

from csms.actions.context import Context, Inbound
from csms.actions.jobs import progress
from csms.domain.job import JobKind
from csms.ocppj.frames import Payload


async def handle(context: Context, payload: Payload) -> Payload:
    """Store how far the log upload is."""
    await progress(context, JobKind.LOG, "logStatus", payload["status"], payload.get("requestId"))
    return {}


INBOUND = Inbound("LogStatusNotification", handle)
