"""StartTransaction (OCPP 1.6, 4.8): always gets an id, the same one however often it is sent."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from csms import db
from csms.actions.authorization import authorize_id_tag
from csms.actions.context import Context, Inbound
from csms.domain.id_tag import IdTagInfo
from csms.domain.reservation import may_use
from csms.domain.transaction import Start
from csms.ocppj.frames import Payload
from csms.repositories.commands import REMOTE_START_WINDOW


async def handle(context: Context, payload: Payload) -> Payload:
    """Start a transaction, or recognise it as one that was started before."""
    start = Start.of(context.charge_point_id, context.peer.identity, payload, context.received_at)
    transactions = context.deps.transactions
    async with await _turn(context, start.id_tag):
        transaction = await transactions.find_start(start)
        if transaction is None:
            info = await authorize_id_tag(context, start.id_tag, starting=True)
        else:
            info = _info_of(transaction)
        flags = await _reservation_flags(context, start, info)
        transaction = await transactions.start(start, info, context.received_at, flags)
    if transaction.get("commandId") is None:
        await _link_remote_start(context, start, transaction["_id"])
    if start.reservation_id is not None and not flags:
        await context.deps.reservations.use(
            context.charge_point_id, start.reservation_id, transaction["_id"], context.received_at
        )
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


async def _turn(context: Context, id_tag: str) -> AbstractAsyncContextManager[Any]:
    """Starts with an id tag that has a limit go one by one, or two would share the last slot."""
    record = await context.deps.id_tags.find(id_tag)
    if record is None or record.get("maxActiveTransactions") is None:
        return nullcontext()
    return context.deps.transactions.starting(id_tag)


async def _reservation_flags(context: Context, start: Start, info: IdTagInfo) -> list[str]:
    """What is wrong with the reservation that a start claims to use."""
    if start.reservation_id is None:
        return []
    reservation = await context.deps.reservations.find(
        context.charge_point_id, start.reservation_id
    )
    if reservation is None:
        return ["unknownReservation"]
    if not may_use(reservation, start.id_tag, info.parent_id_tag):
        return ["foreignReservation"]
    return []


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
        await context.deps.charging_profiles.link(
            context.charge_point_id, start.connector_id, transaction_id
        )


INBOUND = Inbound("StartTransaction", handle)
