"""MeterValues (OCPP 1.6, 4.7): never dropped, whatever state its transaction is in."""

from __future__ import annotations

from csms.actions.context import Context, Inbound, Stored
from csms.actions.metering import store_meter_values, write_meter_values
from csms.ocppj.frames import Payload


async def handle(context: Context, payload: Payload) -> Payload:
    """Store the readings."""
    await store_meter_values(
        context, payload["connectorId"], payload.get("transactionId"), payload["meterValue"]
    )
    return {}


def handle_at_once(context: Context, payload: Payload) -> Payload | Stored | None:
    """Store the readings, if nothing has to be looked up first."""
    transaction_id = payload.get("transactionId")
    if transaction_id and transaction_id not in context.peer.meters.transactions:
        return None
    written = write_meter_values(
        context, payload["connectorId"], transaction_id, payload["meterValue"]
    )
    return {} if written is None else Stored(written, {})


INBOUND = Inbound("MeterValues", handle, handle_at_once)
