"""StopTransaction (OCPP 1.6, 4.10): taken once, and answered normally whatever it stops."""

from __future__ import annotations

from csms.actions.authorization import authorize_id_tag
from csms.actions.context import Context, Inbound
from csms.actions.metering import store_meter_values
from csms.domain.transaction import Stop
from csms.ocppj.frames import Payload


async def handle(context: Context, payload: Payload) -> Payload:
    """Store the readings that came along, then end the transaction."""
    stop = Stop.of(context.charge_point_id, context.peer.identity, payload, context.received_at)
    transactions = context.deps.transactions
    transaction = await transactions.find(context.charge_point_id, stop.transaction_id)
    # A stop names no connector; that of its transaction, or 0 where there is none on record.
    connector_id = transaction["connectorId"] if transaction else 0
    await store_meter_values(
        context, connector_id, stop.transaction_id, payload.get("transactionData") or ()
    )
    await transactions.stop(stop, context.received_at)
    if transaction is not None:
        await context.deps.charging_profiles.end(context.charge_point_id, stop.transaction_id)
    if stop.id_tag is None:
        return {}
    info = await authorize_id_tag(context, stop.id_tag)
    return {"idTagInfo": info.payload()}


INBOUND = Inbound("StopTransaction", handle)
