"""Meter values as they are stored, made for a test."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from csms import db
from csms.domain.meter_value import MeterSource, meter_document
from csms.domain.times import rfc3339


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
    source = MeterSource(charge_point_id, charge_point_id, connector_id, transaction_id)
    document = meter_document(source, {"timestamp": rfc3339(time), "sampledValue": sent}, time)
    await database.meter_values.insert_one(document)


def power(watts: object, **more: Any) -> dict[str, Any]:
    """A sample of the power."""
    return {"measurand": "Power.Active.Import", "unit": "W", "value": watts, **more}
