"""MeterValues (OCPP 1.6, 4.7): never dropped, whatever state its transaction is in."""

from __future__ import annotations

from csms.actions.context import Context, Inbound
from csms.actions.metering import store_meter_values
from csms.ocppj.frames import Payload


async def handle(context: Context, payload: Payload) -> Payload:
    """Store the readings."""
    await store_meter_values(
        context, payload["connectorId"], payload.get("transactionId"), payload["meterValue"]
    )
    return {}


INBOUND = Inbound("MeterValues", handle)
