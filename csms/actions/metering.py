"""Stores the meter values of MeterValues and StopTransaction, with the transaction they are of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any

from csms.actions.context import Context
from csms.actions.reading_owners import (
    NOBODYS,
    Owner,
    claimed_owner,
    find_owners,
    may_be_of_earlier,
    only_connector,
    owner_of,
    sent_id_of,
)
from csms.actions.running import is_up_to_date, look_up_running
from csms.domain.as_sent import Sent, usable_transaction_id
from csms.domain.meter_value import MeterSource, read_meter_value, sent_as
from csms.domain.protocol_trouble import SKEWED_CLOCK
from csms.domain.stored_bytes import METER_VALUES
from csms.domain.times import DeviceTime, read_device_time
from csms.domain.transaction_start import MISSING_CONNECTOR

Element = Mapping[str, Any]

MAX_REGISTERS = 200
"""Connectors of one charge point whose last register is remembered."""


class Readings:
    """The MeterValue elements of one Call, with their times read."""

    __slots__ = ("context", "connector_id", "sent_as", "elements", "times", "has_odd_times")

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
        self.has_odd_times = False
        for element in elements:
            if element["sampledValue"]:
                time = read_device_time(element.get("timestamp"), received_at, connected_at)
                self.elements.append(element)
                self.times.append(time)
                if time.flags:
                    self.has_odd_times = True

    @property
    def are_late(self) -> bool:
        """Whether they are from before the connection that they came on."""
        return self.has_odd_times and any("late" in time.flags for time in self.times)

    def write(self, owners: Iterable[Owner]) -> asyncio.Future[None] | None:
        """Have them written, each with its owner; there may be more owners.

        The future is done when all are acknowledged; None if there are none.

        Raises:
            DatabaseUnavailable: too much waits already.
        """
        context, connector_id = self.context, self.connector_id
        peer, received_at = context.peer, context.received_at
        registers, running_ones = peer.meters.registers, peer.meters.running
        if len(registers) > MAX_REGISTERS:
            registers.clear()
        documents = []
        source = source_of = None
        for element, time, owner in zip(self.elements, self.times, owners, strict=False):
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
            documents.append(reading.document)
        if self.has_odd_times and any("clockSkew" in time.flags for time in self.times):
            context.note_trouble(SKEWED_CLOCK)
        if not documents:
            return None
        peer.stored.add(METER_VALUES, sum(map(len, documents)))
        return context.deps.telemetry.insert_all("meter_values", documents)


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
        if running is not None and not readings.are_late:
            running.named_at = context.received_at
        return readings.write(repeat(Owner(transaction_id))), True
    if transaction_id is not None and usable_transaction_id(transaction_id) is not None:
        return None, False
    running = meters.on_connector(connector_id) if meters.running else None
    if running is not None and running.ended_at is None and not is_up_to_date(context):
        return None, False
    sent = sent_id_of(context, transaction_id)
    readings = Readings(context, connector_id, sent_as(connector_id, sent), elements)
    if running is None and sent is None and not readings.has_odd_times:
        return readings.write(repeat(NOBODYS)), True
    if any(may_be_of_earlier(connector_id, running, time) for time in readings.times):
        return None, False
    return readings.write([owner_of(context, running, time, sent) for time in readings.times]), True


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
    sent = sent_id_of(context, transaction_id) if own_id is None else own_id
    claimed = Owner()
    claimed_connector: int | None = None
    if own_id is not None:
        claimed, claimed_connector = await claimed_owner(context, own_id)
    flags: tuple[str, ...] = ()
    connector = connector_id
    if connector is None:
        connector = claimed_connector or await only_connector(context)
        if connector is None:
            connector, flags = 0, (MISSING_CONNECTOR,)
    readings = Readings(context, connector, sent_as(connector_id, sent), elements)
    if own_id is not None:
        await _note_sign_of_life(context, own_id, readings)
        owners = [claimed] * len(readings.elements)
    else:
        owners = await find_owners(context, connector, readings.times, sent)
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
    written = readings.write(repeat(owner))
    if written is not None:
        await written


async def _note_sign_of_life(context: Context, own_id: int, readings: Readings) -> None:
    """A transaction that was left behind goes on if it is metered later than that."""
    running = (context.peer.meters.running or {}).get(own_id)
    if running is None:
        return
    if not readings.are_late:
        running.named_at = context.received_at
    since = running.left_behind_at
    if since and any(time.usable and time.time > since for time in readings.times):
        await context.deps.left_behind.unflag(own_id)
        running.left_behind_at = None
