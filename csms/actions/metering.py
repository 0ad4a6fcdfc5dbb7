"""Stores the meter values of MeterValues and StopTransaction, flagged where they look wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from csms.actions.context import Context
from csms.domain.meter_value import MeterSource, read_meter_value


async def store_meter_values(
    context: Context,
    connector_id: int,
    transaction_id: int | None,
    meter_values: Iterable[Mapping[str, Any]],
) -> None:
    """Store readings; returns when all are acknowledged.

    `transaction_id` as sent: 0 and negative ones mean no transaction, an unknown one is kept.

    Raises:
        DatabaseUnavailable: some may not be stored.
    """
    flags = await _transaction_flags(context, transaction_id)
    written = write_meter_values(context, connector_id, transaction_id, meter_values, flags)
    if written is not None:
        await written


def write_meter_values(
    context: Context,
    connector_id: int,
    transaction_id: int | None,
    meter_values: Iterable[Mapping[str, Any]],
    flags: tuple[str, ...] = (),
) -> asyncio.Future[None] | None:
    """Have readings written, with what is known of their transaction as `flags`.

    The future is done when all are acknowledged; None if there are none.

    Raises:
        DatabaseUnavailable: too much waits already.
    """
    source = MeterSource(
        context.charge_point_id,
        context.peer.identity,
        connector_id,
        transaction_id if transaction_id is not None and transaction_id > 0 else None,
    )
    registers = context.peer.meters.registers
    documents = []
    for meter_value in meter_values:
        if not meter_value["sampledValue"]:
            continue
        last = registers.get(connector_id)
        reading = read_meter_value(source, meter_value, context.received_at, flags, last)
        if reading.register is not None:
            registers[connector_id] = reading.register
        documents.append(reading.document)
    return context.deps.telemetry.insert_all("meter_values", documents) if documents else None


async def _transaction_flags(context: Context, transaction_id: int | None) -> tuple[str, ...]:
    # 0 is how some say "none"; other ids that cannot be ours claim a transaction.
    if not transaction_id:
        return ()
    known = context.peer.meters.transactions
    if transaction_id in known:
        return ()
    transaction = await context.deps.transactions.find(context.charge_point_id, transaction_id)
    if transaction is None:
        return ("unknownTransaction",)
    known.add(transaction_id)
    return ()
