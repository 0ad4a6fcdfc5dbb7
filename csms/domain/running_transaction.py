"""A transaction as its charge point's connection remembers it, so that readings find it fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from csms.domain.energy import start_register
from csms.domain.transaction import LEFT_BEHIND, began_at

TRUNCATED = timedelta(seconds=2)
"""By so much a first reading may be older than the start: some clocks have no milliseconds."""

WRITE_EVERY = timedelta(seconds=10)


@dataclass(slots=True)
class RunningTransaction:
    """A transaction that is, or a moment ago was, active on a connector.

    `began_at`, `left_behind_at` and `ended_at` can be compared with the times of readings.
    Registers are Wh.
    """

    transaction_id: int
    connector_id: int | None
    began_at: datetime
    meter_start: float | None
    meter_start_is_assumed: bool
    last_meter: float | None
    last_reading_at: datetime | None
    left_behind_at: datetime | None
    named_at: datetime
    """When the charge point last showed that it knows of it, by our clock."""
    ended_at: datetime | None = None
    write_at: datetime | None = None
    """Not before this time is its progress written again."""
    is_unwritten: bool = False

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> RunningTransaction:
        """From the record of an active one."""
        return cls(
            record["_id"],
            record["connectorId"],
            began_at(record),
            start_register(record),
            record.get("meterStart") is None,
            record.get("lastMeter"),
            record.get("lastReadingAt"),
            record.get("leftBehindAt") if LEFT_BEHIND in record["flags"] else None,
            record["createdAt"],
        )

    def covers(self, time: datetime) -> bool:
        """Whether what was metered at a time was metered in this transaction."""
        return self.began_at - TRUNCATED <= time and not (
            (self.left_behind_at is not None and time >= self.left_behind_at)
            or (self.ended_at is not None and time > self.ended_at)
        )

    def meter(self, register: float, time: datetime, now: datetime) -> bool:
        """Note a register; says whether the progress is to be written now."""
        if self.last_reading_at is not None and time < self.last_reading_at:
            return False
        self.last_meter = register
        self.last_reading_at = time
        if self.meter_start is None:
            self.meter_start = register
        self.is_unwritten = True
        return self.is_due(now)

    def is_due(self, now: datetime) -> bool:
        """Whether the progress may be written again."""
        return self.write_at is None or now >= self.write_at

    def written(self, now: datetime) -> None:
        """Note that the progress is being written."""
        self.is_unwritten = False
        self.write_at = now + WRITE_EVERY

    def progress(self) -> dict[str, Any]:
        """The fields of the record that say how far it has come."""
        fields: dict[str, Any] = {
            "lastMeter": self.last_meter,
            "lastReadingAt": self.last_reading_at,
        }
        if self.meter_start is not None:
            if self.meter_start_is_assumed:
                fields["assumedMeterStart"] = self.meter_start
            if self.last_meter is not None and self.last_meter >= self.meter_start:
                fields["energyWh"] = self.last_meter - self.meter_start
        return fields
