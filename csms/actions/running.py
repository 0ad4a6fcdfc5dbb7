"""The active transactions of a connection: looked up once, and again when others may end them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from csms.actions.context import Context
from csms.domain.running_transaction import RunningTransaction
from csms.domain.times import LATE
from csms.domain.transaction import TransactionStatus
from csms.domain.transaction_stop import Stop

TRUSTED_FOR = timedelta(seconds=10)
"""How long what was looked up is taken as true: another node may have ended a transaction."""

MAX_REMEMBERED = 200
"""Transactions of one connection."""


def is_up_to_date(context: Context) -> bool:
    """Whether the active transactions that are remembered are those on record."""
    meters = context.peer.meters
    return (
        meters.running is not None
        and meters.looked_up_at is not None
        and context.received_at - meters.looked_up_at < TRUSTED_FOR
        and meters.changes_by_others == context.deps.transactions.changes_by_others
    )


async def look_up_running(context: Context) -> None:
    """Look up the active transactions of the calling charge point.

    Raises:
        DatabaseUnavailable: MongoDB did not answer.
    """
    meters = context.peer.meters
    meters.changes_by_others = context.deps.transactions.changes_by_others
    records = await context.deps.transactions.active_of(context.charge_point_id)
    before = meters.running or {}
    meters.running = {key: one for key, one in before.items() if one.ended_at is not None}
    for record in records:
        remembered = before.get(record["_id"])
        fresh = RunningTransaction.of(record)
        if remembered is None or remembered.ended_at is not None:
            remembered = fresh
        remembered.left_behind_at = fresh.left_behind_at
        meters.running[record["_id"]] = remembered
        meters.transactions.add(record["_id"])
    meters.looked_up_at = context.received_at


def remember_start(context: Context, record: Mapping[str, Any]) -> None:
    """Note a transaction that the calling charge point has started.

    It is the connector's only one, unless it was delivered after what has begun there since.
    """
    meters = context.peer.meters
    meters.transactions.add(record["_id"])
    if record["status"] != TransactionStatus.ACTIVE:
        return
    if record["connectorId"] is not None and record["meterStart"] is not None:
        meters.registers[record["connectorId"]] = record["meterStart"]
    if meters.running is None or record["_id"] in meters.running:
        return
    started = RunningTransaction.of(record)
    meters.running = {
        key: one
        for key, one in meters.running.items()
        if (one.connector_id is None and one.ended_at is None)
        or one.connector_id not in (None, started.connector_id)
        or (
            one.connector_id is not None
            and LATE in record["flags"]
            and started.began_at < one.began_at
        )
    }
    meters.running[record["_id"]] = started
    if len(meters.running) > MAX_REMEMBERED:
        # Whatever it is that starts so many: the next reading looks them up.
        meters.running = None


def remember_stop(context: Context, record: Mapping[str, Any], stop: Stop) -> None:
    """Note that a stop of the calling charge point has ended a transaction, if it has."""
    if record["status"] != TransactionStatus.COMPLETED:
        return
    meters = context.peer.meters
    if record["connectorId"] is not None and stop.meter_stop is not None:
        meters.registers[record["connectorId"]] = stop.meter_stop
    if (running := (meters.running or {}).get(record["_id"])) is not None:
        running.ended_at = max(stop.ended_at, running.ended_at or stop.ended_at)


def progress_of(context: Context) -> dict[int, dict[str, Any]]:
    """The progress of the transactions that are remembered, which may be newer than on record."""
    running = context.peer.meters.running or {}
    return {
        key: one.progress()
        for key, one in running.items()
        if one.ended_at is None and one.last_reading_at is not None
    }
