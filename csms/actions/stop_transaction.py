"""StopTransaction (OCPP 1.6, 4.10): taken once, and answered normally whatever it stops."""

from __future__ import annotations

from csms.actions.authorization import authorize_id_tag
from csms.actions.context import Context, Inbound
from csms.actions.metering import store_transaction_data
from csms.actions.reading_owners import Owner
from csms.actions.running import progress_of, remember_stop
from csms.domain.id_tag import IdTagInfo, clean_id_tag
from csms.domain.protocol_trouble import SKEWED_CLOCK
from csms.domain.stored_bytes import RECORDS, TRANSACTION_BYTES
from csms.domain.transaction import MATCHED_WITHOUT_ID
from csms.domain.transaction_stop import UNKNOWN_TRANSACTION, Stop
from csms.ocppj.frames import Payload
from csms.repositories.stops import Stopped


async def handle(context: Context, payload: Payload) -> Payload:
    """End the transaction, then store the readings that came along; both before the answer."""
    info: IdTagInfo | None = None
    if id_tag := clean_id_tag(payload.get("idTag") or ""):
        info = await authorize_id_tag(context, id_tag)
    stop = Stop.of(
        context.charge_point_id,
        context.peer.identity,
        payload,
        context.received_at,
        context.peer.connected_at,
        context.sent,
        None if info is None else info.parent_id_tag,
    )
    stopped = await context.deps.stops.stop(stop, context.received_at, progress_of(context))
    context.peer.stored.add(RECORDS, TRANSACTION_BYTES)
    if "clockSkew" in stop.time.flags:
        context.note_trouble(SKEWED_CLOCK)
    # A stop names no connector; that of its transaction, or 0 where there is none on record.
    await store_transaction_data(
        context,
        stopped.transaction.get("connectorId") or 0,
        _owner(stop, stopped),
        stop.sent_transaction_id if stop.transaction_id is None else stop.transaction_id,
        payload.get("transactionData") or (),
    )
    remember_stop(context, stopped.transaction, stop)
    if not stopped.is_orphan:
        await context.deps.charging_profiles.end(
            context.charge_point_id, stopped.transaction["_id"]
        )
    return {} if info is None else {"idTagInfo": info.payload()}


def _owner(stop: Stop, stopped: Stopped) -> Owner:
    """Whose the readings are that came with a stop."""
    transaction_id = stopped.transaction["_id"]
    if stopped.is_orphan:
        return Owner(transaction_id, stop.sent_transaction_id, (UNKNOWN_TRANSACTION,))
    if stopped.is_matched:
        return Owner(transaction_id, stop.sent_transaction_id, (MATCHED_WITHOUT_ID,))
    return Owner(transaction_id)


INBOUND = Inbound("StopTransaction", handle)
