"""Whose readings are: the transaction that they name, or the one that was active at their time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from csms.actions.context import Context
from csms.domain.as_sent import Sent, as_sent
from csms.domain.running_transaction import RunningTransaction
from csms.domain.times import DeviceTime
from csms.domain.transaction import MATCHED_WITHOUT_ID, ended_covering
from csms.domain.transaction_stop import UNKNOWN_TRANSACTION


class Owner(NamedTuple):
    """The transaction that readings belong to, if any, and how that was found.

    `reported_id` is what the charge point claims where it is not the transaction's id.
    """

    transaction_id: int | None = None
    reported_id: Sent = None
    flags: tuple[str, ...] = ()


NOBODYS = Owner()


async def only_connector(context: Context) -> int | None:
    """The connector of a charge point that has but one; None if it has more, or is not known."""
    record = await context.deps.charge_points.find(context.charge_point_id)
    if record is None:
        return None
    known = [connector["connectorId"] for connector in record.get("connectors") or ()]
    count = record.get("connectorCount")
    if (len(known) if count is None else count) != 1:
        return None
    return int(known[0]) if len(known) == 1 else 1


def sent_id_of(context: Context, transaction_id: object) -> Sent:
    """The transaction id as it was sent; None for the ways to say that there is none."""
    if transaction_id is None and not context.quirks:
        return None
    sent = context.sent.get("transactionId", transaction_id)
    if isinstance(sent, str) and sent.strip() in ("", "0", "-1"):
        return None
    if sent is None or (isinstance(sent, int | float) and sent <= 0):
        return None
    return as_sent(sent)


async def claimed_owner(context: Context, own_id: int) -> tuple[Owner, int | None]:
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


def may_be_of_earlier(
    connector_id: int, running: RunningTransaction | None, time: DeviceTime
) -> bool:
    """Whether a reading may be of a transaction that has ended, and has to be looked for."""
    if not connector_id or not time.usable:
        return False
    if running is not None and running.covers(time.time):
        return False
    return "late" in time.flags or (running is not None and time.time < running.began_at)


def owner_of(
    context: Context, running: RunningTransaction | None, time: DeviceTime, sent: Sent
) -> Owner:
    """What a reading without a usable id belongs to."""
    if running is not None and running.covers(time.or_receipt(context.received_at)):
        return Owner(running.transaction_id, sent, (MATCHED_WITHOUT_ID,))
    return Owner(None, sent) if sent is not None else NOBODYS


async def find_owners(
    context: Context, connector_id: int, times: Sequence[DeviceTime], sent: Sent
) -> list[Owner]:
    """The same of readings that may be of transactions that have ended, by their times.

    Raises:
        DatabaseUnavailable: MongoDB did not answer.
    """
    running = context.peer.meters.on_connector(connector_id)
    earlier = [time.time for time in times if may_be_of_earlier(connector_id, running, time)]
    ended: Sequence[Mapping[str, Any]] = ()
    if earlier:
        ended = await context.deps.transactions.begun_before(
            context.charge_point_id, connector_id, min(earlier), max(earlier)
        )
    owners = []
    for time in times:
        then = running
        if may_be_of_earlier(connector_id, running, time):
            if (covering := ended_covering(ended, time.time)) is not None:
                owners.append(Owner(covering["_id"], sent, (MATCHED_WITHOUT_ID,)))
                continue
            then = context.peer.meters.covering(connector_id, time.time)
        owners.append(owner_of(context, then, time, sent))
    return owners
