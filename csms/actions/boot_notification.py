"""BootNotification (OCPP 1.6, 4.2): is this the charge point that the database says it is?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csms.actions.context import Context, Inbound, Peer
from csms.actions.identity_alarms import claimed_twice, flag_of, not_shown, shown
from csms.actions.serial_guessing import SHOWN_FROM, guesses_too_often, note_wrong_serial
from csms.domain.charge_point import (
    SHOWN_SERIAL,
    has_shown_serial,
    is_expected_serial,
    reported_serial,
    serials_agree,
)
from csms.domain.heartbeat import spread_interval
from csms.domain.identity_proof import (
    BOOT_WITHOUT_SERIAL,
    Evidence,
    lacks_serial,
    other_device,
)
from csms.domain.stored_bytes import BOOT_NOTIFICATIONS
from csms.domain.times import rfc3339
from csms.errors import SessionLost
from csms.ocppj.frames import Payload

NOT_WHITELISTED = "Not whitelisted"
SERIAL_MISMATCH = "Serial mismatch"
SERIAL_MISSING = "Serial missing"
TOO_MANY_ATTEMPTS = "Too many failed attempts"

Record = Mapping[str, Any]

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
    record = await _record(context, serial)
    if isinstance(record, str):
        reason = record
    else:
        objection = _objection(context, record, serial)
        if objection is None:
            return await _accept(context, payload, serial, record)
        reason = objection
        if _is_in_place_of_another(context.peer, record, serial):
            _tell_of_wrong_serial(context, record, serial)
    await _store_boot(context, payload, "Rejected", reason)
    context.peer.turn_away(reason, serial)
    return _answer(context, "Rejected", context.deps.settings.boot_retry_interval)


async def _record(context: Context, serial: str | None) -> Record | str:
    """The record of this charge point, or why it has none; one that waits for its serial is bound
    first.
    """
    if not context.peer.is_known:
        reason = await context.peer.bind(serial)
        if reason is not None:
            return reason
    record = await context.deps.charge_points.find(context.charge_point_id)
    if record is None or record.get("isWhitelisted") is False:
        return NOT_WHITELISTED
    if record.get("ocppSessionId") != context.peer.session_id:
        raise SessionLost
    return record


def _objection(context: Context, record: Record, serial: str | None) -> str | None:
    """Why this charge point may not come in; None if it may."""
    peer = context.peer
    # Right or not: the answer to a guess would say which.
    if serial is not None and guesses_too_often(context, record):
        return TOO_MANY_ATTEMPTS
    if not serials_agree(record.get("serialNumber"), serial):
        note_wrong_serial(context, serial)
        return SERIAL_MISMATCH
    if lacks_serial(record, serial, peer.authenticated):
        return SERIAL_MISSING
    return None


def _is_in_place_of_another(peer: Peer, record: Record, serial: str | None) -> bool:
    """Whether one that was rejected has taken the place of the charge point on record.

    Not if that has never shown the serial, for ops may have entered another; nor if it may itself
    be back with new firmware that does not tell its serial.
    """
    if peer.replaced_address is None or not has_shown_serial(record):
        return False
    return serial is not None or peer.replaced_address != peer.remote_address


def _tell_of_wrong_serial(context: Context, record: Record, serial: str | None) -> None:
    peer = context.peer
    claimed_twice(
        context.deps,
        peer.charge_point_id,
        Evidence.WRONG_SERIAL,
        (peer.replaced_address, peer.remote_address),
        serialNumber=(record.get("serialNumber"), serial),
    )


async def _accept(
    context: Context, payload: Payload, serial: str | None, record: Record
) -> Payload:
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
    # The record first: a boot that came too late for its session is none.
    await context.deps.held.set_fields(
        context.hold,
        fields | _shown_fields(context.peer, record, serial),
        flag_of(record, is_shown=serial is not None or context.peer.authenticated),
    )
    _judge_identity(context, record, serial, fields)
    await _store_boot(context, payload, "Accepted", None)
    context.peer.reported_serial = serial
    context.peer.accept()
    return _answer(context, "Accepted", interval)


def _shown_fields(peer: Peer, record: Record, serial: str | None) -> dict[str, Any]:
    """What is remembered of the serials that the charge point has shown."""
    if serial is None:
        # Version 0.2.0 has kept the serial that it last reported, and nothing else.
        before = record.get(SHOWN_SERIAL) or record.get("reportedSerialNumber")
        return {SHOWN_SERIAL: before} if before else {}
    fields: dict[str, Any] = {SHOWN_SERIAL: serial}
    if is_expected_serial(record, serial):
        fields[SHOWN_FROM] = peer.remote_address
        if record.get(BOOT_WITHOUT_SERIAL):
            # It tells it again: the permission has had its time.
            fields[BOOT_WITHOUT_SERIAL] = None
    return fields


def _judge_identity(
    context: Context, record: Record, serial: str | None, fields: Mapping[str, Any]
) -> None:
    """Note what the boot shows of who the charge point is, and raise or close alarms."""
    deps, peer = context.deps, context.peer
    if peer.authenticated:
        shown(deps, record)
        return
    evidence = other_device(record, serial, fields["vendor"], fields["model"])
    if evidence is not None:
        before = record.get(SHOWN_SERIAL) or record.get("reportedSerialNumber")
        claimed_twice(
            deps,
            peer.charge_point_id,
            evidence,
            (peer.previous_address, peer.remote_address),
            serialNumber=(before, serial),
            model=(record.get("model"), fields["model"]),
        )
    if serial is not None:
        shown(deps, record)
    else:
        not_shown(deps, record, peer.remote_address)


async def _store_boot(context: Context, payload: Payload, verdict: str, reason: str | None) -> None:
    peer = context.peer
    # Visitors without a record share one bound; each that is turned away is on record anyway.
    if not peer.is_known and peer.stored.is_full(BOOT_NOTIFICATIONS):
        return
    size = await context.deps.telemetry.insert(
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
    peer.stored.add(BOOT_NOTIFICATIONS, size)


def _answer(context: Context, status: str, interval: int) -> Payload:
    return {
        "status": status,
        "currentTime": rfc3339(context.deps.clock()),
        "interval": interval,
    }


INBOUND = Inbound("BootNotification", handle)
