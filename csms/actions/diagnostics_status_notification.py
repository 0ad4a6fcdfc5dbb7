"""DiagnosticsStatusNotification (OCPP 1.6, 4.4)."""

from __future__ import annotations

from csms.actions.context import Context, Inbound
from csms.actions.jobs import progress
from csms.domain.job import JobKind
from csms.ocppj.frames import Payload


async def handle(context: Context, payload: Payload) -> Payload:
    """Store how far the diagnostics upload is."""
    await progress(context, JobKind.DIAGNOSTICS, "diagnosticsStatus", payload["status"])
    return {}


INBOUND = Inbound("DiagnosticsStatusNotification", handle)
