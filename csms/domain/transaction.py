"""Charging transactions: their states, their record, and ends that need no StopTransaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from csms.domain.energy import energy_of
from csms.domain.times import LATE, is_usable

MATCHED_WITHOUT_ID = "matchedWithoutId"
"""A stop or a reading that carried no usable id, and was found to be of this transaction."""

LEFT_BEHIND = "leftBehind"
"""After a boot the connector was available: the charge point has forgotten the transaction."""


class TransactionStatus(StrEnum):
    """Where a transaction stands.

    `Abandoned`: another one began on its connector, or it was left behind for long. `Orphaned`: a
    stop for a transaction that the charge point never started here. `Closed`: ended in the record
    by an operator.
    """

    ACTIVE = "Active"
    COMPLETED = "Completed"
    ABANDONED = "Abandoned"
    ORPHANED = "Orphaned"
    CLOSED = "Closed"


def abandoned(transaction: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What is set in a transaction that ends without a stop: the charge point has left it.

    `lastMeter` in `transaction` must be up to date, here and in `closed`.
    """
    ended_at = transaction.get("leftBehindAt") or now
    return _ended_without_stop(
        transaction, TransactionStatus.ABANDONED, "abandoned", min(ended_at, now), now
    )


def closed(transaction: Mapping[str, Any], by: str, now: datetime) -> dict[str, Any]:
    """What is set in a transaction that an operator ends in the record alone."""
    return _ended_without_stop(
        transaction, TransactionStatus.CLOSED, "closedByOperator", now, now
    ) | {"closedBy": by}


def began_at(transaction: Mapping[str, Any]) -> datetime:
    """When a transaction began: by the charge point's clock if that was usable, else by ours."""
    created: datetime = transaction["createdAt"]
    return (transaction["startTimestamp"] if has_usable_start(transaction) else None) or created


def has_usable_start(transaction: Mapping[str, Any]) -> bool:
    """Whether the charge point's clock was usable when a transaction began."""
    started = transaction.get("startTimestamp")
    return (
        started is not None
        and "unreadableTimestamp" not in (transaction.get("flags") or ())
        and is_usable(started, transaction["createdAt"])
    )


def is_from_before(started: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a start that was delivered late is from before another transaction began.

    Some charge points deliver what they kept while they were off line after what is new.
    """
    return (
        LATE in started["flags"]
        and has_usable_start(started)
        and has_usable_start(other)
        and started["startTimestamp"] < other["startTimestamp"]
    )


def ended_covering(
    transactions: Iterable[Mapping[str, Any]], time: datetime
) -> Mapping[str, Any] | None:
    """The one of a connector's transactions, newest first, that had not ended yet at a time.

    None if that is still active, or there was none.
    """
    for transaction in transactions:
        if transaction["startTimestamp"] <= time:
            ended = transaction["stopTimestamp"]
            is_active = transaction["status"] == TransactionStatus.ACTIVE
            return transaction if not is_active and ended and time <= ended else None
    return None


def _ended_without_stop(
    transaction: Mapping[str, Any],
    status: TransactionStatus,
    flag: str,
    ended_at: datetime,
    now: datetime,
) -> dict[str, Any]:
    energy = energy_of(transaction, None)
    last = transaction.get("lastMeter")
    return {
        "status": status,
        "meterStop": None if last is None else int(last),
        "stopTimestamp": ended_at,
        "energyWh": energy.wh,
        "flags": [*transaction.get("flags", ()), flag],
        "lastMeter": last,
        "lastReadingAt": transaction.get("lastReadingAt"),
        "updatedAt": now,
    }


def empty_record(transaction_id: int, now: datetime) -> dict[str, Any]:
    """The record of a transaction of which nothing is known yet."""
    return {
        "_id": transaction_id,
        "chargePointId": None,
        "chargePointIdentity": None,
        "connectorId": None,
        "idTag": None,
        "idTagFolded": None,
        "parentIdTag": None,
        "authorizationStatus": None,
        "expiryDate": None,
        "firmwareVersion": None,
        "meterStart": None,
        "assumedMeterStart": None,
        "rawMeterStart": None,
        "startTimestamp": None,
        "lastMeter": None,
        "lastReadingAt": None,
        "meterStop": None,
        "assumedMeterStop": None,
        "rawMeterStop": None,
        "stopTimestamp": None,
        "stopReason": None,
        "stopIdTag": None,
        "energyWh": None,
        "reservationId": None,
        "commandId": None,
        "createdAt": now,
        "updatedAt": now,
    }
