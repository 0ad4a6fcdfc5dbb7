"""Notices after a boot that the charge point has forgotten a transaction, or that it has not."""

from __future__ import annotations

from datetime import datetime

from csms.actions.context import Context
from csms.actions.running import is_up_to_date, look_up_running
from csms.domain.protocol_trouble import LEFT_BEHIND
from csms.domain.running_transaction import RunningTransaction
from csms.domain.times import MAX_SKEW


async def notice_left_behind(context: Context, connector_id: int, time: datetime) -> None:
    """Flag what is active on a connector that is reported `Available`, if it is from before a boot.

    `time` is that of the report: a late one, from before the transaction, says nothing of it.

    Raises:
        DatabaseUnavailable: it may not be flagged.
    """
    meters = context.peer.meters
    if meters.running is None:
        await look_up_running(context)
    running = _going_on(context, connector_id, time)
    if running is not None and not is_up_to_date(context):
        await look_up_running(context)
        running = _going_on(context, connector_id, time)
    if running is None:
        return
    record = await context.deps.charge_points.find(context.charge_point_id) or {}
    booted_at = record.get("lastBootAt")
    if booted_at is None or booted_at <= running.named_at:
        return
    # By the charge point's clock, as the readings that it is compared with, if that is right.
    since = time if abs(context.received_at - time) <= MAX_SKEW else context.received_at
    if await context.deps.left_behind.flag(running.transaction_id, since):
        context.note_trouble(LEFT_BEHIND)
    running.left_behind_at = since


def notice_going_on(context: Context, connector_id: int) -> None:
    """Note that what is active on a connector goes on: a boot before this has not ended it."""
    running = context.peer.meters.on_connector(connector_id)
    if running is not None:
        running.named_at = context.received_at


def _going_on(context: Context, connector_id: int, time: datetime) -> RunningTransaction | None:
    running = context.peer.meters.on_connector(connector_id)
    return running if running is not None and running.covers(time) else None
