"""StartTransaction (OCPP 1.6, 4.8): always gets an id, the same one however often it is sent."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

from csms import db
from csms.actions.authorization import authorize_id_tag
from csms.actions.context import Context, Inbound
from csms.actions.reading_owners import only_connector
from csms.actions.running import remember_start
from csms.domain.id_tag import IdTagInfo
from csms.domain.protocol_trouble import SKEWED_CLOCK
from csms.domain.reservation import may_use
from csms.domain.transaction_start import Start
from csms.ocppj.frames import Payload
from csms.repositories.commands import REMOTE_START_WINDOW


async def handle(context: Context, payload: Payload) -> Payload:
    """Start a transaction, or recognise it as one that was started before."""
    start = await _read(context, payload)
    transactions = context.deps.transactions
    is_limited = await _is_limited(context, start.id_tag)
    # Here they go one by one, for less to be tried again; between nodes the database decides.
    turn = transactions.starting(start.id_tag) if is_limited else nullcontext()
    async with turn:
        transaction = await transactions.find_start(start)
        if transaction is None:
            info = await authorize_id_tag(context, start.id_tag)
        else:
            info = _info_of(transaction)
        flags = await _reservation_flags(context, start, info)
        transaction = await transactions.start(
            start,
            info,
            context.received_at,
            flags,
            is_limited=is_limited,
            firmware_version=await _firmware_version(context),
            last_register=await _last_register(context, start),
        )
    if "clockSkew" in start.time.flags:
        context.note_trouble(SKEWED_CLOCK)
    if transaction.get("commandId") is None:
        await _link_remote_start(context, start, transaction["_id"])
    if start.reservation_id is not None and not flags:
        await context.deps.reservations.use(
            context.charge_point_id, start.reservation_id, transaction["_id"], context.received_at
        )
    remember_start(context, transaction)
    return {
        "transactionId": transaction["_id"],
        "idTagInfo": _info_of(transaction).payload(),
    }


async def _read(context: Context, payload: Payload) -> Start:
    start = Start.of(
        context.charge_point_id,
        context.peer.identity,
        payload,
        context.received_at,
        context.peer.connected_at,
        context.sent,
    )
    if start.connector_id is not None:
        return start
    return replace(start, connector_id=await only_connector(context))


async def _firmware_version(context: Context) -> str | None:
    record = await context.deps.charge_points.find(context.charge_point_id) or {}
    return record.get("firmwareVersion")


async def _last_register(context: Context, start: Start) -> float | None:
    """The last register known of the connector, where the start does not say its own."""
    if start.meter_start is not None or start.connector_id is None:
        return None
    remembered = context.peer.meters.registers.get(start.connector_id)
    if remembered is not None:
        return remembered
    return await context.deps.transactions.registers.of_connector(
        context.charge_point_id, start.connector_id, context.received_at
    )


def _info_of(transaction: db.Document) -> IdTagInfo:
    return IdTagInfo(
        transaction["authorizationStatus"],
        transaction.get("expiryDate"),
        transaction.get("parentIdTag"),
    )


async def _is_limited(context: Context, id_tag: str) -> bool:
    """Whether an id tag may have only so many transactions at once."""
    record = await context.deps.id_tags.find(id_tag)
    return record is not None and record.get("maxActiveTransactions") is not None


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
