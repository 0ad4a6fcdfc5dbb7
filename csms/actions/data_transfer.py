"""DataTransfer (OCPP 1.6, 4.3 and 5.6), in both directions."""

from __future__ import annotations

from csms.actions.context import Context, Inbound, Outbound
from csms.ocppj.frames import Payload


async def handle(context: Context, payload: Payload) -> Payload:
    """Say that no vendor's messages are understood here (7.13)."""
    return {"status": "UnknownVendorId"}


INBOUND = Inbound("DataTransfer", handle)
OUTBOUND = Outbound("DataTransfer")
