"""Charging transactions: how a start is recognised, and what a stop makes of the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from csms.domain.id_tag import IdTagInfo, fold
from csms.domain.times import DeviceTime, read_device_time


class TransactionStatus(StrEnum):
    """Where a transaction stands.

    `Abandoned`: another one began on its connector. `Orphaned`: a stop for a transaction that the
    charge point never started here. `Closed`: ended in the record by an operator.
    """

    ACTIVE = "Active"
    COMPLETED = "Completed"
    ABANDONED = "Abandoned"
    ORPHANED = "Orphaned"
    CLOSED = "Closed"


@dataclass(frozen=True, slots=True)
class Start:
    """A StartTransaction.req (OCPP 1.6, 6.45) of one charge point."""

    charge_point_id: str
    identity: str
    connector_id: int
    id_tag: str
    meter_start: int
    raw_timestamp: str
    time: DeviceTime
    reservation_id: int | None

    @classmethod
    def of(
        cls, charge_point_id: str, identity: str, payload: Mapping[str, Any], received_at: datetime
    ) -> Start:
        """Read the payload."""
        return cls(
            charge_point_id,
            identity,
            payload["connectorId"],
            payload["idTag"],
            payload["meterStart"],
            payload["timestamp"],
            read_device_time(payload["timestamp"], received_at),
            payload.get("reservationId"),
        )

    @property
    def key(self) -> str:
        """What makes two StartTransactions the same one, whatever their message ids are."""
        return "|".join(
            (
                self.charge_point_id,
                str(self.connector_id),
                fold(self.id_tag),
                self.raw_timestamp,
                str(self.meter_start),
            )
        )

    def document(self, transaction_id: int, info: IdTagInfo, now: datetime) -> dict[str, Any]:
        """The record of the transaction that this starts."""
        return _empty(transaction_id, now) | {
            "chargePointId": self.charge_point_id,
            "chargePointIdentity": self.identity,
            "connectorId": self.connector_id,
            "idTag": self.id_tag,
            "idTagFolded": fold(self.id_tag),
            "parentIdTag": info.parent_id_tag,
            "authorizationStatus": info.status,
            "expiryDate": info.expiry_date,
            "meterStart": self.meter_start,
            "startTimestamp": self.time.time,
            "status": TransactionStatus.ACTIVE,
            "flags": list(self.time.flags),
            "startKey": self.key,
            "reservationId": self.reservation_id,
        }


@dataclass(frozen=True, slots=True)
class Stop:
    """A StopTransaction.req (OCPP 1.6, 6.49) of one charge point."""

    charge_point_id: str
    identity: str
    transaction_id: int
    meter_stop: int
    raw_timestamp: str
    time: DeviceTime
    reason: str | None
    id_tag: str | None

    @classmethod
    def of(
        cls, charge_point_id: str, identity: str, payload: Mapping[str, Any], received_at: datetime
    ) -> Stop:
        """Read the payload."""
        return cls(
            charge_point_id,
            identity,
            payload["transactionId"],
            payload["meterStop"],
            payload["timestamp"],
            read_device_time(payload["timestamp"], received_at),
            payload.get("reason"),
            payload.get("idTag"),
        )

    def changes(self, transaction: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """What the stop sets in the transaction's record."""
        flags = [*transaction.get("flags", ()), *self.time.flags]
        energy: int | None = None
        if (start := transaction.get("meterStart")) is not None:
            energy = self.meter_stop - start
            if energy < 0:
                flags.append("meterStopBelowStart")
                energy = None
        began = transaction.get("startTimestamp")
        if began is not None and self.time.time < began:
            flags.append("stopBeforeStart")
        return self._facts() | {
            "energyWh": energy,
            "status": TransactionStatus.COMPLETED,
            "flags": list(dict.fromkeys(flags)),
            "updatedAt": now,
        }

    def orphan(self, record_id: int, now: datetime) -> dict[str, Any]:
        """The record of a stop whose transaction is not on record for this charge point."""
        return (
            _empty(record_id, now)
            | self._facts()
            | {
                "chargePointId": self.charge_point_id,
                "chargePointIdentity": self.identity,
                "idTag": self.id_tag,
                "idTagFolded": fold(self.id_tag) if self.id_tag else None,
                "reportedTransactionId": self.transaction_id,
                "status": TransactionStatus.ORPHANED,
                "flags": [*self.time.flags, "unknownTransaction"],
                "startKey": self.orphan_key,
            }
        )

    @property
    def orphan_key(self) -> str:
        """What makes two orphaned stops the same one."""
        return "|".join(
            (
                "stop",
                self.charge_point_id,
                str(self.transaction_id),
                self.raw_timestamp,
                str(self.meter_stop),
            )
        )

    def _facts(self) -> dict[str, Any]:
        return {
            "meterStop": self.meter_stop,
            "stopTimestamp": self.time.time,
            "stopReason": self.reason,
            "stopIdTag": self.id_tag,
        }


def abandoned(
    transaction: Mapping[str, Any], last_register: float | None, now: datetime
) -> dict[str, Any]:
    """What is set in a transaction that ends because another one began on its connector."""
    return _ended_without_stop(
        transaction, TransactionStatus.ABANDONED, "abandoned", last_register, now
    )


def closed(
    transaction: Mapping[str, Any], last_register: float | None, by: str, now: datetime
) -> dict[str, Any]:
    """What is set in a transaction that an operator ends in the record alone."""
    return _ended_without_stop(
        transaction, TransactionStatus.CLOSED, "closedByOperator", last_register, now
    ) | {"closedBy": by}


def _ended_without_stop(
    transaction: Mapping[str, Any],
    status: TransactionStatus,
    flag: str,
    last_register: float | None,
    now: datetime,
) -> dict[str, Any]:
    start = transaction.get("meterStart")
    energy = None
    if start is not None and last_register is not None and last_register >= start:
        energy = last_register - start
    return {
        "status": status,
        "meterStop": None if last_register is None else int(last_register),
        "stopTimestamp": now,
        "energyWh": energy,
        "flags": [*transaction.get("flags", ()), flag],
        "updatedAt": now,
    }


def _empty(transaction_id: int, now: datetime) -> dict[str, Any]:
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
        "meterStart": None,
        "startTimestamp": None,
        "meterStop": None,
        "stopTimestamp": None,
        "stopReason": None,
        "stopIdTag": None,
        "energyWh": None,
        "reservationId": None,
        "commandId": None,
        "createdAt": now,
        "updatedAt": now,
    }
