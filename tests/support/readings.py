"""Meter values as they are stored, made for a test."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import bson
from bson.codec_options import CodecOptions

from csms import db
from csms.domain.meter_value import MeterSource, read_meter_value, sent_as
from csms.domain.times import DeviceTime, rfc3339

_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


async def store_reading(
    database: db.Database,
    time: datetime,
    *samples: dict[str, Any],
    charge_point_id: str = "CP1",
    connector_id: int = 1,
    transaction_id: int | None = None,
) -> None:
    """Store one reading; samples as OCPP has them, with whatever `value`."""
    sent = [{**sample, "value": str(sample["value"])} for sample in samples]
    source = MeterSource(
        charge_point_id,
        charge_point_id,
        connector_id,
        transaction_id,
        None,
        sent_as(connector_id, transaction_id),
    )
    value = {"timestamp": rfc3339(time), "sampledValue": sent}
    reading = read_meter_value(source, value, DeviceTime(time), time)
    await database.meter_values.insert_one(bson.decode(reading.document, _AWARE))


def power(watts: object, **more: Any) -> dict[str, Any]:
    """A sample of the power."""
    return {"measurand": "Power.Active.Import", "unit": "W", "value": watts, **more}
