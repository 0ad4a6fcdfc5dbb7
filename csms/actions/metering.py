"""Stores the meter values of MeterValues and StopTransaction, with the transaction they are of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from csms.actions.context import Context
from csms.actions.running import is_up_to_date, look_up_running
from csms.domain.as_sent import Sent, as_sent, usable_transaction_id
from csms.domain.meter_value import MeterSource, read_meter_value, sent_as
from csms.domain.protocol_trouble import SKEWED_CLOCK
from csms.domain.running_transaction import RunningTransaction
from csms.domain.times import DeviceTime, read_device_time
from csms.domain.transaction import MATCHED_WITHOUT_ID
from csms.domain.transaction_start import MISSING_CONNECTOR
from csms.domain.transaction_stop import UNKNOWN_TRANSACTION

Element = Mapping[str, Any]


class Owner(NamedTuple):
    """The transaction that readings belong to, if any, and how that was found.

    `reported_id` is what the charge point claims where it is not the transaction's id.
    """

    transaction_id: int | None = None
    reported_id: Sent = None
    flags: tuple[str, ...] = ()


class Readings:
    """The MeterValue elements of one Call, with their times read."""

    __slots__ = ("context", "connector_id", "sent_as", "elements", "times")

    def __init__(
        self, context: Context, connector_id: int, sent_as: str, elements: Iterable[Element]
    ) -> None:
        """`connector_id` is the one that is stored; what was sent for it is in `sent_as`."""
        self.context = context
        self.connector_id = connector_id
        self.sent_as = sent_as
        received_at, connected_at = context.received_at, context.peer.connected_at
        self.elements: list[Element] = []
        self.times: list[DeviceTime] = []
        for element in elements:
            if element["sampledValue"]:
                self.elements.append(element)
                time = read_device_time(element.get("timestamp"), received_at, connected_at)
                self.times.append(time)

    def write(self, owners: Sequence[Owner]) -> asyncio.Future[None] | None:
        """Have them written, each with its owner.

        The future is done when all are acknowledged; None if there are none.

        Raises:
            DatabaseUnavailable: too much waits already.
        """
        context, connector_id = self.context, self.connector_id
        peer, received_at = context.peer, context.received_at
        registers, running_ones = peer.meters.registers, peer.meters.running
        documents = []
        is_skewed = False
        source = source_of = None
        for element, time, owner in zip(self.elements, self.times, owners, strict=True):
            if source is None or owner is not source_of:
                source_of = owner
                source = MeterSource(
                    peer.charge_point_id,
                    peer.identity,
                    connector_id,
                    owner.transaction_id,
                    owner.reported_id,
                    self.sent_as,
                )
            last = registers.get(connector_id)
            reading = read_meter_value(source, element, time, received_at, owner.flags, last)
            register = reading.register
            if register is not None:
                registers[connector_id] = register
                if running_ones and owner.transaction_id in running_ones:
                    running = running_ones[owner.transaction_id]
                    if running.ended_at is None:
                        when = time.or_receipt(received_at)
                        context.deps.progress.meter(running, register, when, received_at)
            if time.flags and "clockSkew" in time.flags:
                is_skewed = True
            documents.append(reading.document)
        if is_skewed:
            context.note_trouble(SKEWED_CLOCK)
        return context.deps.telemetry.insert_all("meter_values", documents) if documents else None


NOBODYS = Owner()


def write_at_once(
    context: Context, connector_id: int, transaction_id: int | None, elements: Iterable[Element]
) -> tuple[asyncio.Future[None] | None, bool]:
    """Have the readings of a MeterValues written, if nothing has to be looked up first.

    Returns what is to be awaited, and whether it was possible at all.
    """
    meters = context.peer.meters
    if meters.running is None:
        return None, False
    if transaction_id is not None and transaction_id in meters.transactions:
        running = meters.running.get(transaction_id)
        if running is not None and running.left_behind_at is not None:
            return None, False
        readings = Readings(context, connector_id, f"{connector_id}\0{transaction_id}", elements)
        return readings.write([Owner(transaction_id)] * len(readings.elements)), True
    if usable_transaction_id(transaction_id) is not None:
        return None, False
    running = meters.on_connector(connector_id) if meters.running else None
    if running is not None and running.ended_at is None and not is_up_to_date(context):
        return None, False
    sent = _sent_id(context, transaction_id)
    readings = Readings(context, connector_id, sent_as(connector_id, sent), elements)
    if running is None and sent is None and not any(time.flags for time in readings.times):
        return readings.write([NOBODYS] * len(readings.elements)), True
    if any(_may_be_of_earlier(context, connector_id, running, time) for time in readings.times):
        return None, False
    return readings.write([_owner(context, running, time, sent) for time in readings.times]), True


async def store_meter_values(
    context: Context, connector_id: int | None, transaction_id: object, elements: Iterable[Element]
) -> None:
    """Store the readings of a MeterValues; returns when all are acknowledged.

    `connector_id` is None if it was not sent.

    Raises:
        DatabaseUnavailable: some may not be stored.
    """
    meters = context.peer.meters
    own_id = usable_transaction_id(transaction_id)
    if meters.running is None or (own_id is None and not is_up_to_date(context)):
        await look_up_running(context)
    sent = _sent_id(context, transaction_id) if own_id is None else own_id
    claimed = Owner()
    claimed_connector: int | None = None
    if own_id is not None:
        claimed, claimed_connector = await _claimed(context, own_id)
    flags: tuple[str, ...] = ()
    connector = connector_id
    if connector is None:
        connector = claimed_connector or await only_connector(context)
        if connector is None:
            connector, flags = 0, (MISSING_CONNECTOR,)
    readings = Readings(context, connector, sent_as(connector_id, sent), elements)
    if own_id is not None:
        await _note_sign_of_life(context, own_id, readings.times)
        owners = [claimed] * len(readings.elements)
    else:
        owners = [await _find_owner(context, connector, time, sent) for time in readings.times]
    if flags:
        owners = [owner._replace(flags=(*owner.flags, *flags)) for owner in owners]
    written = readings.write(owners)
    if written is not None:
        await written


async def store_transaction_data(
    context: Context, connector_id: int, owner: Owner, sent_id: Sent, elements: Iterable[Element]
) -> None:
    """Store the readings that came with a StopTransaction; returns when all are acknowledged.

    Raises:
        DatabaseUnavailable: some may not be stored.
    """
    readings = Readings(context, connector_id, sent_as(connector_id, sent_id), elements)
    written = readings.write([owner] * len(readings.elements))
    if written is not None:
        await written


async def only_connector(context: Context) -> int | None:
    """The connector of a charge point that has but one; None if it has more, or is not known."""
    record = await context.deps.charge_points.find(context.charge_point_id)
    if record is None:
        return None
    known = [connector["connectorId"] for connector in record.get("connectors") or ()]
    if len(known) == 1:
        return int(known[0])
    return 1 if record.get("connectorCount") == 1 and not known else None


def _sent_id(context: Context, transaction_id: object) -> Sent:
    """The transaction id as it was sent; None for the ways to say that there is none."""
    if transaction_id is None and not context.quirks:
        return None
    sent = context.sent.get("transactionId", transaction_id)
    if isinstance(sent, str) and sent.strip() in ("", "0", "-1"):
        return None
    if sent is None or (isinstance(sent, int | float) and sent <= 0):
        return None
    return as_sent(sent)


async def _claimed(context: Context, own_id: int) -> tuple[Owner, int | None]:
    """Judge a claim to a transaction that may be the charge point's; also returns its connector."""
    meters = context.peer.meters
    running = (meters.running or {}).get(own_id)
    if running is not None:
        return Owner(own_id), running.connector_id
    record = await context.deps.transactions.find(context.charge_point_id, own_id)
    if record is None:
        return Owner(None, own_id, (UNKNOWN_TRANSACTION,)), None
    meters.transactions.add(own_id)
    return Owner(own_id), record["connectorId"]


async def _note_sign_of_life(context: Context, own_id: int, times: Iterable[DeviceTime]) -> None:
    """A transaction that was left behind goes on if it is metered later than that."""
    running = (context.peer.meters.running or {}).get(own_id)
    if running is None or running.left_behind_at is None:
        return
    since = running.left_behind_at
    if any(time.usable and time.time > since for time in times):
        await context.deps.left_behind.unflag(own_id)
        running.left_behind_at = None


def _may_be_of_earlier(
    context: Context, connector_id: int, running: RunningTransaction | None, time: DeviceTime
) -> bool:
    """Whether a reading may be of a transaction that has ended, and has to be looked for."""
    if not connector_id or not time.usable:
        return False
    if running is not None and running.covers(time.time):
        return False
    return "late" in time.flags or (running is not None and time.time < running.began_at)


def _owner(
    context: Context, running: RunningTransaction | None, time: DeviceTime, sent: Sent
) -> Owner:
    """What a reading without a usable id belongs to."""
    if running is not None and running.covers(time.or_receipt(context.received_at)):
        return Owner(running.transaction_id, sent, (MATCHED_WITHOUT_ID,))
    return Owner(None, sent) if sent is not None else NOBODYS


async def _find_owner(context: Context, connector_id: int, time: DeviceTime, sent: Sent) -> Owner:
    running = context.peer.meters.on_connector(connector_id)
    if _may_be_of_earlier(context, connector_id, running, time):
        ended = await context.deps.transactions.covering(
            context.charge_point_id, connector_id, time.time
        )
        if ended is not None:
            return Owner(ended["_id"], sent, (MATCHED_WITHOUT_ID,))
    return _owner(context, running, time, sent)
