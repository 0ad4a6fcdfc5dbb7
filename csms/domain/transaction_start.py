"""StartTransaction: what it says, how it is recognised, and the record that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csms.domain.as_sent import (
    Sent,
    differs,
    key_part,
    register_flag,
    sent_value,
    usable_register,
)
from csms.domain.id_tag import IdTagInfo, clean_id_tag, fold
from csms.domain.times import DeviceTime, read_device_time
from csms.domain.transaction import TransactionStatus, empty_record

MISSING_CONNECTOR = "missingConnector"
_MAX_INT64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Start:
    """A StartTransaction.req (OCPP 1.6, 6.45) of one charge point.

    `connector_id` and `meter_start` are None where no usable one was sent; connector 0 is the
    charge point as a whole, at which nothing starts.
    """

    charge_point_id: str
    identity: str
    connector_id: int | None
    id_tag: str
    meter_start: int | None
    sent_meter_start: Sent
    time: DeviceTime
    reservation_id: int | None
    key: str
    """What makes two StartTransactions the same one, whatever their message ids are."""

    @classmethod
    def of(
        cls,
        charge_point_id: str,
        identity: str,
        payload: Mapping[str, Any],
        received_at: datetime,
        connected_at: datetime | None = None,
        sent: Mapping[str, Any] | None = None,
    ) -> Start:
        """Read the payload; `sent` is the payload as it was before it was repaired."""
        sent = payload if sent is None else sent
        connector_id = payload.get("connectorId")
        reservation_id = payload.get("reservationId")
        stamp = payload.get("timestamp")
        id_tag = clean_id_tag(payload["idTag"])
        meter_start = payload.get("meterStart")
        sent_meter_start = sent_value(payload, sent, "meterStart")
        key = (
            charge_point_id,
            str(connector_id),
            key_part(fold(id_tag)),
            key_part(stamp if stamp is not None else sent_value(payload, sent, "timestamp")),
            key_part(sent_meter_start if meter_start is None else meter_start),
        )
        return cls(
            charge_point_id,
            identity,
            connector_id if connector_id is not None and 0 < connector_id < 2**31 else None,
            id_tag,
            usable_register(meter_start),
            sent_meter_start,
            read_device_time(stamp, received_at, connected_at),
            reservation_id if reservation_id and 0 < reservation_id <= _MAX_INT64 else None,
            "|".join(key),
        )

    def is_repeated_in(self, earlier: Mapping[str, Any]) -> bool:
        """Whether this is a retry of the start that made `earlier`, which has the same content.

        A charge point with an unusable clock may begin every session with the same words: then
        only a start whose transaction goes on can be repeated.
        """
        goes_on = earlier["status"] == TransactionStatus.ACTIVE and not earlier.get("leftBehindAt")
        return goes_on or self.time.usable

    def document(
        self,
        transaction_id: int,
        info: IdTagInfo,
        now: datetime,
        *,
        firmware_version: str | None = None,
        assumed_meter_start: float | None = None,
    ) -> dict[str, Any]:
        """The record of the transaction that this starts.

        `assumed_meter_start` is the last register known of the connector, where none was sent.
        """
        raw = self.sent_meter_start
        return empty_record(transaction_id, now) | {
            "chargePointId": self.charge_point_id,
            "chargePointIdentity": self.identity,
            "connectorId": self.connector_id,
            "idTag": self.id_tag,
            "idTagFolded": fold(self.id_tag),
            "parentIdTag": info.parent_id_tag,
            "authorizationStatus": info.status,
            "expiryDate": info.expiry_date,
            "firmwareVersion": firmware_version,
            "meterStart": self.meter_start,
            "assumedMeterStart": assumed_meter_start,
            "startTimestamp": self.time.time,
            "status": TransactionStatus.ACTIVE,
            "flags": self._flags(),
            "startKey": self.key,
            "reservationId": self.reservation_id,
            "rawMeterStart": raw if differs(raw, self.meter_start) else None,
        }

    def _flags(self) -> list[str]:
        flags = list(self.time.flags)
        if self.meter_start is None:
            flags.append(register_flag("MeterStart", self.sent_meter_start))
        if self.connector_id is None:
            flags.append(MISSING_CONNECTOR)
        return flags
