"""DataTransfer (OCPP 1.6, 4.3 and 5.6), in both directions."""

from __future__ import annotations

from csms.actions.context import Context, Inbound, Outbound
from csms.actions.vendors.registry import Rejected, find_vendors
from csms.ocppj.frames import Payload


async def handle(context: Context, payload: Payload) -> Payload:
    """Have the vendor's handler answer, or say what is not known: the vendor, or the message."""
    vendor = find_vendors().get(payload["vendorId"].casefold())
    if vendor is None:
        return {"status": "UnknownVendorId"}
    message = vendor.messages.get(payload.get("messageId", ""))
    if message is None:
        return {"status": "UnknownMessageId"}
    try:
        data = await message(context, payload.get("data", ""))
    except Rejected as refusal:
        return {"status": "Rejected", "data": str(refusal)}
    return {"status": "Accepted"} if data is None else {"status": "Accepted", "data": data}


INBOUND = Inbound("DataTransfer", handle)
OUTBOUND = Outbound("DataTransfer")
