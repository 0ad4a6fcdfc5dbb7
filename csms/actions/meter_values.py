"""MeterValues (OCPP 1.6, 4.7): never dropped, whatever state its transaction is in."""

from __future__ import annotations

from csms.actions.context import Context, Inbound, Stored
from csms.actions.metering import store_meter_values, write_at_once
from csms.ocppj.frames import Payload


async def handle(context: Context, payload: Payload) -> Payload:
    """Store the readings."""
    connector_id = payload.get("connectorId")
    # Below 0 is no connector: it is taken as not sent.
    if connector_id is not None and connector_id < 0:
        connector_id = None
    await store_meter_values(
        context, connector_id, payload.get("transactionId"), payload["meterValue"]
    )
    return {}


def handle_at_once(context: Context, payload: Payload) -> Payload | Stored | None:
    """Store the readings, if nothing has to be looked up first."""
    connector_id = payload.get("connectorId")
    if connector_id is None or connector_id < 0:
        return None
    written, is_possible = write_at_once(
        context, connector_id, payload.get("transactionId"), payload["meterValue"]
    )
    if not is_possible:
        return None
    return {} if written is None else Stored(written, {})


INBOUND = Inbound("MeterValues", handle, handle_at_once)
