"""StopTransaction: what it says, which transaction it may end, and what it makes of the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ocpp.v16.enums import Reason

from csms.domain.as_sent import (
    Sent,
    differs,
    digest,
    key_part,
    register_flag,
    sent_value,
    usable_register,
    usable_transaction_id,
)
from csms.domain.energy import (
    ENERGY_FROM_LAST_READING,
    METER_STOP_BELOW_START,
    ROUNDING,
    Registers,
    energy_of,
    registers_of,
    start_register,
)
from csms.domain.id_tag import clean_id_tag, fold
from csms.domain.times import DeviceTime, is_usable, read_device_time
from csms.domain.transaction import (
    MATCHED_WITHOUT_ID,
    TransactionStatus,
    empty_record,
    has_usable_start,
)

STOP_CORRECTED = "stopCorrected"
STOP_BEFORE_START = "stopBeforeStart"
UNKNOWN_TRANSACTION = "unknownTransaction"
UNKNOWN_REASON = "unknownReason"

_KNOWN_REASONS = frozenset(reason.value for reason in Reason)

MOST_ENERGY = 1_000_000
"""Wh. A register that is further ahead of a start is that of another connector."""

MAX_EARLIER_STOPS = 50
"""Of a transaction: besides the first one, the last ones that a later one has corrected."""

# What an earlier stop was flagged with no longer holds when a later one corrects it.
_OF_THE_STOP = frozenset(
    {
        MATCHED_WITHOUT_ID,
        METER_STOP_BELOW_START,
        ENERGY_FROM_LAST_READING,
        STOP_BEFORE_START,
        UNKNOWN_REASON,
        "missingMeterStop",
        "unreadableMeterStop",
    }
)


@dataclass(frozen=True, slots=True)
class Stop:
    """A StopTransaction.req (OCPP 1.6, 6.49) of one charge point.

    `transaction_id` and `meter_stop` are None where no usable one was sent; `connector_id` is one
    that a vendor sends along, and `group` the parent of `id_tag`.
    """

    charge_point_id: str
    identity: str
    transaction_id: int | None
    sent_transaction_id: Sent
    meter_stop: int | None
    sent_meter_stop: Sent
    time: DeviceTime
    received_at: datetime
    reason: str | None
    id_tag: str | None
    group: str | None
    connector_id: int | None
    registers: Registers
    key: str
    """What makes two StopTransactions the same one, whatever their message ids are."""
    former_key: str
    """The same as version 0.1.0 stored it of a stop that ended nothing."""

    @classmethod
    def of(
        cls,
        charge_point_id: str,
        identity: str,
        payload: Mapping[str, Any],
        received_at: datetime,
        connected_at: datetime | None = None,
        sent: Mapping[str, Any] | None = None,
        group: str | None = None,
    ) -> Stop:
        """Read the payload; `sent` is the payload as it was before it was repaired."""
        sent = payload if sent is None else sent
        stamp = payload.get("timestamp")
        id_tag = clean_id_tag(payload.get("idTag") or "") or None
        connector_id = payload.get("connectorId")
        transaction_id, meter_stop, sent_stamp = (
            sent_value(payload, sent, name) for name in ("transactionId", "meterStop", "timestamp")
        )
        return cls(
            charge_point_id,
            identity,
            usable_transaction_id(payload.get("transactionId")),
            transaction_id,
            usable_register(payload.get("meterStop")),
            meter_stop,
            read_device_time(stamp, received_at, connected_at),
            received_at,
            payload.get("reason"),
            id_tag,
            group,
            connector_id if usable_transaction_id(connector_id) else None,
            registers_of(payload.get("transactionData") or ()),
            digest(
                charge_point_id, transaction_id, sent_stamp, meter_stop, id_tag and fold(id_tag)
            ),
            f"stop|{charge_point_id}|{transaction_id}|{key_part(sent_stamp)}|{meter_stop}",
        )

    def fits(self, transaction: Mapping[str, Any]) -> bool:
        """Whether this may be the end of an active transaction, though its id does not say so.

        An id that may be one of ours, but is not on record, says that the charge point means
        another transaction: then the id tag must be named, and be the same.
        """
        return (
            transaction["chargePointId"] == self.charge_point_id
            and self.connector_id in (None, transaction["connectorId"])
            and self._fits_tag(transaction)
            and self._fits_register(transaction)
            and self._fits_time(transaction)
        )

    def _fits_tag(self, transaction: Mapping[str, Any]) -> bool:
        tag = transaction.get("idTagFolded")
        if self.id_tag is None:
            return self.transaction_id is None
        if fold(self.id_tag) == tag:
            return True
        group = transaction.get("parentIdTag")
        if self.transaction_id is not None or group is None:
            return False
        return fold(group) in (fold(self.id_tag), self.group and fold(self.group))

    def _fits_register(self, transaction: Mapping[str, Any]) -> bool:
        start = start_register(transaction)
        if self.meter_stop is None or start is None:
            return True
        return -ROUNDING <= self.meter_stop - start <= MOST_ENERGY

    def _fits_time(self, transaction: Mapping[str, Any]) -> bool:
        if not self.time.usable or not has_usable_start(transaction):
            return True
        return bool(self.time.time >= transaction["startTimestamp"])

    def needs_reading(self, transaction: Mapping[str, Any]) -> bool:
        """Whether the energy depends on the last reading of the transaction."""
        start = start_register(transaction)
        return self.meter_stop is None or (start is not None and self.meter_stop < start - ROUNDING)

    def changes(
        self, transaction: Mapping[str, Any], now: datetime, flags: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """What the stop sets in the transaction's record."""
        energy = energy_of(transaction, self.meter_stop, self.registers)
        found = [
            *transaction.get("flags", ()),
            *flags,
            *self._own_flags(),
            *energy.flags,
            *((STOP_BEFORE_START,) if _is_before_start(self.time, transaction) else ()),
        ]
        return self._facts() | {
            "energyWh": energy.wh,
            "assumedMeterStart": energy.assumed_start,
            "assumedMeterStop": energy.assumed_stop,
            "lastMeter": transaction.get("lastMeter"),
            "lastReadingAt": transaction.get("lastReadingAt"),
            "status": TransactionStatus.COMPLETED,
            "flags": list(dict.fromkeys(found)),
            "updatedAt": now,
        }

    def replaces_guess(self, transaction: Mapping[str, Any]) -> bool:
        """Whether this, with the transaction's id, tells that a stop without one was another's.

        Then it counts whatever its time and register are: the other was only thought to fit.
        """
        if MATCHED_WITHOUT_ID not in transaction["flags"] or self._is_repeated_in(transaction):
            return False
        if self.meter_stop is None:
            return transaction.get("lastMeter") is not None
        same = (self.time.time, self.meter_stop)
        return same != (transaction.get("stopTimestamp"), transaction.get("meterStop"))

    def corrects(self, transaction: Mapping[str, Any]) -> bool:
        """Whether this is a later end of a transaction that a stop has ended already."""
        if self.meter_stop is None or self._is_repeated_in(transaction):
            return False
        stopped_at, register = transaction.get("stopTimestamp"), transaction.get("meterStop")
        if register is None:
            register = transaction.get("assumedMeterStop")
        is_later = stopped_at is None or self._is_after(stopped_at, transaction)
        return is_later and (register is None or self.meter_stop > register)

    def _is_repeated_in(self, transaction: Mapping[str, Any]) -> bool:
        return self.key in (transaction.get("stopKeys") or ())

    def _is_after(self, stopped_at: datetime, transaction: Mapping[str, Any]) -> bool:
        """Whether this is later than a stop before it: by receipt, if a clock was not usable."""
        received_at: datetime = transaction.get("stopReceivedAt") or transaction["updatedAt"]
        if self.time.usable and is_usable(stopped_at, received_at):
            return self.time.time > stopped_at
        return self.received_at > received_at

    def corrections(self, transaction: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """What is set in the record of a transaction whose earlier stop this corrects."""
        kept = [flag for flag in transaction.get("flags", ()) if flag not in _OF_THE_STOP]
        earlier = {
            name: transaction.get(name)
            for name in ("meterStop", "stopTimestamp", "stopReason", "stopIdTag", "energyWh")
        }
        before = {**transaction, "flags": kept, "energyWh": None}
        stops = [*(transaction.get("earlierStops") or ()), earlier]
        return self.changes(before, now, (STOP_CORRECTED,)) | {
            "earlierStops": stops[:1] + stops[1:][-MAX_EARLIER_STOPS:],
        }

    def with_readings(self, readings: Registers) -> Stop:
        """The stop with readings that were sent under its id, where it brought none itself."""
        first = readings.first if self.registers.first is None else self.registers.first
        last = readings.last if self.registers.last is None else self.registers.last
        return replace(self, registers=Registers(first, last))

    def orphan(self, record_id: int, now: datetime) -> dict[str, Any]:
        """The record of a stop whose transaction is not on record for this charge point."""
        energy = energy_of({}, self.meter_stop, self.registers)
        record = empty_record(record_id, now) | self._facts()
        return record | {
            "chargePointId": self.charge_point_id,
            "chargePointIdentity": self.identity,
            "idTag": self.id_tag,
            "idTagFolded": fold(self.id_tag) if self.id_tag else None,
            "reportedTransactionId": self.sent_transaction_id,
            "assumedMeterStart": energy.assumed_start,
            "assumedMeterStop": energy.assumed_stop,
            "energyWh": energy.wh,
            "status": TransactionStatus.ORPHANED,
            "flags": [*self._own_flags(), *energy.flags, UNKNOWN_TRANSACTION],
            "startKey": f"stop|{self.key}",
            "stopKeys": [self.key],
        }

    @property
    def ended_at(self) -> datetime:
        """When it was: by the charge point's clock if that is usable, else by ours."""
        return self.time.or_receipt(self.received_at)

    def _own_flags(self) -> list[str]:
        flags = list(self.time.flags)
        if self.meter_stop is None:
            flags.append(register_flag("MeterStop", self.sent_meter_stop))
        if self.reason is not None and self.reason not in _KNOWN_REASONS:
            flags.append(UNKNOWN_REASON)
        return flags

    def _facts(self) -> dict[str, Any]:
        raw = self.sent_meter_stop
        return {
            "meterStop": self.meter_stop,
            "stopTimestamp": self.time.time,
            "stopReceivedAt": self.received_at,
            "stopReason": self.reason,
            "stopIdTag": self.id_tag,
            "rawMeterStop": raw if differs(raw, self.meter_stop) else None,
        }


def _is_before_start(stopped: DeviceTime, transaction: Mapping[str, Any]) -> bool:
    began = transaction.get("startTimestamp")
    return began is not None and stopped.time < began
