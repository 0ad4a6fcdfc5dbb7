"""BootNotification (OCPP 1.6, 4.2): is this the charge point that the database says it is?"""

from __future__ import annotations

import asyncio
from typing import Any

from csms.actions.context import Context, Inbound
from csms.domain.charge_point import reported_serial, serials_agree
from csms.domain.heartbeat import spread_interval
from csms.domain.times import rfc3339
from csms.errors import NotFound
from csms.ocppj.frames import Payload

NOT_WHITELISTED = "Not whitelisted"
SERIAL_MISMATCH = "Serial mismatch"

_RECORD_FIELDS = {
    "chargePointVendor": "vendor",
    "chargePointModel": "model",
    "firmwareVersion": "firmwareVersion",
    "iccid": "iccid",
    "imsi": "imsi",
    "meterType": "meterType",
    "meterSerialNumber": "meterSerialNumber",
}


async def handle(context: Context, payload: Payload) -> Payload:
    """Accept the charge point, or reject it and close."""
    serial = reported_serial(payload)
    reason = await _objection(context, serial)
    if reason is None:
        return await _accept(context, payload, serial)
    await _store_boot(context, payload, "Rejected", reason)
    context.peer.turn_away(reason, serial)
    return _answer(context, "Rejected", context.deps.settings.boot_retry_interval)


async def _objection(context: Context, serial: str | None) -> str | None:
    """Why this charge point may not come in; None if it may."""
    if not context.peer.is_known:
        return await context.peer.bind(serial)
    try:
        record = await context.deps.charge_points.get(context.charge_point_id)
    except NotFound:
        return NOT_WHITELISTED
    if record.get("isWhitelisted") is False:
        return NOT_WHITELISTED
    if not serials_agree(record.get("serialNumber"), serial):
        return SERIAL_MISMATCH
    return None


async def _accept(context: Context, payload: Payload, serial: str | None) -> Payload:
    settings = context.deps.settings
    interval = spread_interval(
        settings.heartbeat_interval, settings.heartbeat_jitter, context.charge_point_id
    )
    now = context.received_at
    fields: dict[str, Any] = {
        ours: payload.get(theirs) or None for theirs, ours in _RECORD_FIELDS.items()
    }
    fields |= {
        "reportedSerialNumber": serial,
        "registrationStatus": "Accepted",
        "heartbeatIntervalSec": interval,
        "lastBootAt": now,
        "lastSeen": now,
        "updatedAt": now,
        "ocppProtocolRaw": "ocpp1.6",
    }
    await asyncio.gather(
        context.deps.charge_points.set_fields(context.charge_point_id, fields),
        _store_boot(context, payload, "Accepted", None),
    )
    context.peer.reported_serial = serial
    context.peer.accept()
    return _answer(context, "Accepted", interval)


async def _store_boot(context: Context, payload: Payload, verdict: str, reason: str | None) -> None:
    peer = context.peer
    await context.deps.telemetry.insert(
        "boot_notifications",
        {
            "chargePointId": peer.charge_point_id if peer.is_known else None,
            "chargePointIdentity": peer.identity,
            "receivedAt": context.received_at,
            "payload": payload,
            "verdict": verdict,
            "reason": reason,
            "remoteAddress": peer.remote_address,
        },
    )


def _answer(context: Context, status: str, interval: int) -> Payload:
    return {
        "status": status,
        "currentTime": rfc3339(context.deps.clock()),
        "interval": interval,
    }


INBOUND = Inbound("BootNotification", handle)
