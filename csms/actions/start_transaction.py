"""StartTransaction (OCPP 1.6, 4.8): always gets an id, the same one however often it is sent."""

from __future__ import annotations

from csms import db
from csms.actions.authorization import authorize_id_tag
from csms.actions.context import Context, Inbound
from csms.domain.id_tag import IdTagInfo
from csms.domain.transaction import Start
from csms.ocppj.frames import Payload
from csms.repositories.commands import REMOTE_START_WINDOW


async def handle(context: Context, payload: Payload) -> Payload:
    """Start a transaction, or recognise it as one that was started before."""
    start = Start.of(context.charge_point_id, context.peer.identity, payload, context.received_at)
    transactions = context.deps.transactions
    transaction = await transactions.find_start(start)
    if transaction is None:
        info = await authorize_id_tag(context, start.id_tag, starting=True)
    else:
        info = _info_of(transaction)
    transaction = await transactions.start(start, info, context.received_at)
    if transaction.get("commandId") is None:
        await _link_remote_start(context, start, transaction["_id"])
    context.peer.meters.transactions.add(transaction["_id"])
    context.peer.meters.registers[start.connector_id] = start.meter_start
    return {
        "transactionId": transaction["_id"],
        "idTagInfo": _info_of(transaction).payload(),
    }


def _info_of(transaction: db.Document) -> IdTagInfo:
    return IdTagInfo(
        transaction["authorizationStatus"],
        transaction.get("expiryDate"),
        transaction.get("parentIdTag"),
    )


async def _link_remote_start(context: Context, start: Start, transaction_id: int) -> None:
    command_id = await context.deps.commands.claim_remote_start(
        context.charge_point_id,
        start.connector_id,
        start.id_tag,
        transaction_id,
        context.received_at - REMOTE_START_WINDOW,
    )
    if command_id is not None:
        await context.deps.transactions.link_command(transaction_id, command_id)


INBOUND = Inbound("StartTransaction", handle)
