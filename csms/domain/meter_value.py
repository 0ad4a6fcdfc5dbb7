"""Meter values as they are stored: the standard's defaults filled in, units brought to one kind.

A sample that looks wrong never costs the message: it is kept as it was sent, and flagged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson
from ocpp.v16.enums import Measurand, UnitOfMeasure

from csms.domain.times import DeviceTime, read_device_time

DEFAULT_MEASURAND = "Energy.Active.Import.Register"

_KNOWN_MEASURANDS = frozenset(measurand.value for measurand in Measurand)

# Unit as sent, folded -> (unit as stored, factor). Temperatures have an offset and come below.
_THOUSAND = Decimal(1000)
_UNITS: dict[str, tuple[str, Decimal | None]] = {
    "wh": ("Wh", None),
    "kwh": ("Wh", _THOUSAND),
    "varh": ("varh", None),
    "kvarh": ("varh", _THOUSAND),
    "w": ("W", None),
    "kw": ("W", _THOUSAND),
    "va": ("VA", None),
    "kva": ("VA", _THOUSAND),
    "var": ("var", None),
    "kvar": ("var", _THOUSAND),
    "a": ("A", None),
    "v": ("V", None),
    "celsius": ("Celsius", None),
    "celcius": ("Celsius", None),
    "percent": ("Percent", None),
    "%": ("Percent", None),
    "hz": ("Hz", None),
    "hertz": ("Hz", None),
}
# Most values: nothing that a Decimal would read otherwise, nor out of bounds.
_is_plain = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,12})?").fullmatch
_KELVIN_OFFSET = Decimal("273.15")
assert {unit.value.casefold() for unit in UnitOfMeasure} <= {*_UNITS, "k", "fahrenheit"}

# What a missing unit means, by the first words of the measurand that say it.
_DEFAULT_UNITS: tuple[tuple[str, str | None], ...] = (
    ("Energy.Reactive", "varh"),
    ("Energy", "Wh"),
    ("Power.Factor", None),
    ("Power.Reactive", "var"),
    ("Power", "W"),
    ("Current", "A"),
    ("Voltage", "V"),
    ("SoC", "Percent"),
    ("Temperature", "Celsius"),
    ("Frequency", "Hz"),
)


class MeterSource(NamedTuple):
    """Where meter values come from. `transaction_id` is None outside a transaction."""

    charge_point_id: str
    identity: str
    connector_id: int
    transaction_id: int | None


def meter_document(
    source: MeterSource,
    meter_value: Mapping[str, Any],
    received_at: datetime,
    flags: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The document of one MeterValue element (OCPP 1.6, 7.33).

    Its `_id` is derived from what was sent, so that a retry makes the same document again.
    `value` is in Wh, varh, W, VA, var, A, V, Celsius, Percent or Hz, and null where the text is no
    number; `raw` is the text.
    """
    device_time = read_device_time(meter_value.get("timestamp"), received_at)
    sample_flags: set[str] = set()
    document = {
        "_id": _content_id(source, meter_value, device_time),
        "chargePointId": source.charge_point_id,
        "chargePointIdentity": source.identity,
        "connectorId": source.connector_id,
        "transactionId": source.transaction_id,
        "timestamp": device_time.time,
        "receivedAt": received_at,
        "sampledValue": _samples(meter_value["sampledValue"], sample_flags),
    }
    document["flags"] = [*flags, *device_time.flags, *sorted(sample_flags)]
    if "unreadableTimestamp" in device_time.flags:
        document["rawTimestamp"] = meter_value.get("timestamp")
    return document


def energy_register(document: Mapping[str, Any]) -> float | None:
    """The total of the import register in a document, Wh; None if it has none."""
    for sample in document["sampledValue"]:
        if sample["measurand"] == DEFAULT_MEASURAND and sample["phase"] is None:
            value: float | None = sample["value"]
            if value is not None:
                return value
    return None


def _content_id(
    source: MeterSource, meter_value: Mapping[str, Any], device_time: DeviceTime
) -> str:
    # The charge point's time comes first: so the index of ids grows at its end, and not in a
    # different place for each document, which costs the database far more.
    readable = "unreadableTimestamp" not in device_time.flags
    seconds = int(device_time.time.timestamp()) if readable else 0
    content = orjson.dumps(
        [source.charge_point_id, source.connector_id, source.transaction_id, meter_value],
        option=orjson.OPT_SORT_KEYS,
    )
    return f"{seconds & 0xFFFFFFFF:08x}{blake2b(content, digest_size=12).hexdigest()}"


def _samples(samples: Iterable[Mapping[str, Any]], flags: set[str]) -> list[dict[str, Any]]:
    all_stored = []
    for sample in samples:
        get = sample.get
        stored, is_number, convert, kind_flags = _kind(
            get("measurand"),
            get("unit"),
            get("phase"),
            get("context"),
            get("location"),
            get("format"),
        )
        raw = sample["value"]
        stored = stored.copy()
        stored["raw"] = raw
        if is_number:
            if convert is None and _is_plain(raw):
                stored["value"] = float(raw)
            else:
                stored["value"] = _value(raw, convert, flags)
        if kind_flags:
            flags.update(kind_flags)
        all_stored.append(stored)
    return all_stored


class _Kind(NamedTuple):
    """What the samples of one kind have in common; without `convert` values stay as sent."""

    stored: dict[str, Any]
    is_number: bool
    convert: Callable[[Decimal], Decimal] | None
    flags: tuple[str, ...]


# A meter sends the same few kinds for ever; the bound is for one that makes kinds up.
@lru_cache(4096)
def _kind(
    measurand: str | None,
    unit: str | None,
    phase: str | None,
    context: str | None,
    location: str | None,
    sample_format: str | None,
) -> _Kind:
    measurand = measurand or DEFAULT_MEASURAND
    is_number = sample_format != "SignedData"
    flags = [] if measurand in _KNOWN_MEASURANDS else ["unknownMeasurand"]
    convert = None
    unit = unit or None
    if is_number:
        unit, convert, known = _normal_unit(measurand, unit)
        if not known:
            flags.append("unknownUnit")
    stored = {
        "measurand": measurand,
        "value": None,
        "raw": None,
        "unit": unit,
        "phase": phase or None,
        "context": context or "Sample.Periodic",
        "location": location or "Outlet",
        "format": sample_format or "Raw",
    }
    return _Kind(stored, is_number, convert, tuple(flags))


def _normal_unit(
    measurand: str, unit: str | None
) -> tuple[str | None, Callable[[Decimal], Decimal] | None, bool]:
    """The unit that is stored, how a value is brought to it, and whether the unit is known."""
    if unit is None:
        default = next((u for name, u in _DEFAULT_UNITS if measurand.startswith(name)), None)
        return default, None, True
    folded = unit.strip().casefold()
    if folded in _UNITS:
        stored, factor = _UNITS[folded]
        return stored, None if factor is None else factor.__mul__, True
    if folded in ("k", "kelvin"):
        return "Celsius", lambda number: number - _KELVIN_OFFSET, True
    if folded in ("fahrenheit", "f"):
        return "Celsius", lambda number: (number - 32) * 5 / 9, True
    return unit, None, False


def _value(raw: str, convert: Callable[[Decimal], Decimal] | None, flags: set[str]) -> float | None:
    number = _number(raw)
    if number is None:
        flags.add("unreadableValue")
        return None
    return _finite(number if convert is None else convert(number))


def _number(raw: str) -> Decimal | None:
    try:
        number = Decimal(raw.strip())
    except InvalidOperation:
        return None
    # Beyond this a number is garbage, and arithmetic with it may not end.
    if not number.is_finite() or abs(number.adjusted()) > 30:
        return None
    return number


def _finite(number: Decimal) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None
