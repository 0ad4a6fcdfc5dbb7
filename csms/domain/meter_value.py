"""Meter values as they are stored: one document for each MeterValue element, in BSON.

They come in such numbers that no dictionary is made of them on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from struct import Struct
from typing import Any, NamedTuple

import bson

from csms.domain.as_sent import Sent, as_sent
from csms.domain.sampled_value import DEFAULT_MEASURAND, MAX_NUMBER, encode_samples
from csms.domain.times import DeviceTime

_SAMPLES = b"\x04sampledValue\0"
_int32 = Struct("<i").pack


REPAIR_FLAGS = "csms.flags"
"""The key under which a MeterValue element that was repaired on its way names what was wrong."""


class MeterSource(NamedTuple):
    """Where meter values come from.

    `transaction_id` is one of the charge point's own, None outside a transaction; `reported_id` is
    any other claim. `sent_as` is the connector and the transaction as they were sent: a retry says
    the same again, whatever is known of its transaction by then.
    """

    charge_point_id: str
    identity: str
    connector_id: int
    transaction_id: int | None
    reported_id: Sent
    sent_as: str


class Reading(NamedTuple):
    """A MeterValue element: its document in BSON, and the total of its import register, Wh."""

    document: bytes
    register: float | None


def sent_as(connector_id: int | None, transaction_id: Sent) -> str:
    """`MeterSource.sent_as`; all ways to say that there is no transaction are the same."""
    if transaction_id is None:
        return f"{connector_id}\0None"
    if isinstance(transaction_id, int | float) and transaction_id <= 0:
        transaction_id = None
    return f"{connector_id}\0{transaction_id}"


def read_meter_value(
    source: MeterSource,
    meter_value: Mapping[str, Any],
    device_time: DeviceTime,
    received_at: datetime,
    flags: tuple[str, ...] = (),
    last_register: float | None = None,
) -> Reading:
    """Make the document of one MeterValue element (OCPP 1.6, 7.33), whose time was read already.

    Its `_id` is derived from what was sent, so that a retry makes the same document again.
    `last_register` is what the connector's register was before, Wh.
    """
    stamp = meter_value.get("timestamp")
    time, time_flags, _ = device_time
    samples, register, sample_flags = encode_samples(meter_value["sampledValue"])
    flags = (*flags, *time_flags, *sample_flags)
    if REPAIR_FLAGS in meter_value:
        flags = (*flags, *meter_value[REPAIR_FLAGS])
    if register is not None and last_register is not None and register < last_register:
        flags = (*flags, "registerWentBackwards")
    readable = "unreadableTimestamp" not in time_flags
    document = {
        "_id": _content_id(source, stamp, samples, int(time.timestamp()) if readable else 0),
        "chargePointId": source.charge_point_id,
        "chargePointIdentity": source.identity,
        "connectorId": source.connector_id,
        "transactionId": source.transaction_id,
        "timestamp": time,
        "receivedAt": received_at,
        "flags": flags,
    }
    if source.reported_id is not None:
        document["reportedTransactionId"] = source.reported_id
    if not readable:
        document["rawTimestamp"] = as_sent(stamp)
    encoded = bson.encode(document)
    size = _int32(len(encoded) + len(_SAMPLES) + len(samples))
    return Reading(b"%b%b%b%b\0" % (size, encoded[4:-1], _SAMPLES, samples), register)


def energy_register(document: Mapping[str, Any]) -> float | None:
    """The total of the import register in a document, Wh; None if it has none."""
    for sample in document["sampledValue"]:
        if sample["measurand"] == DEFAULT_MEASURAND and sample["phase"] is None:
            value: float | None = sample["value"]
            # Below 0 it is no reading; version 0.1.0 has stored larger ones.
            if value is not None and 0 <= value < MAX_NUMBER:
                return value
    return None


def _content_id(source: MeterSource, stamp: object, samples: bytes, seconds: int) -> str:
    # The charge point's time comes first: so the index of ids grows at its end, and not in a
    # different place for each document, which costs the database far more.
    whose = f"{source.charge_point_id}\0{source.sent_as}\0{stamp}\0"
    content = blake2b(whose.encode() + samples, digest_size=12)
    return f"{seconds & 0xFFFFFFFF:08x}{content.hexdigest()}"
