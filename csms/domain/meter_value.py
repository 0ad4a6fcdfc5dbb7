"""Meter values as they are stored: the standard's defaults filled in, units brought to one kind.

A sample that looks wrong never costs the message: it is kept as it was sent, and flagged.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import orjson
from ocpp.v16.enums import Measurand, UnitOfMeasure

from csms.domain.times import read_device_time

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
_TO_CELSIUS: dict[str, Callable[[Decimal], Decimal]] = {
    "k": lambda kelvin: kelvin - Decimal("273.15"),
    "kelvin": lambda kelvin: kelvin - Decimal("273.15"),
    "fahrenheit": lambda degrees: (degrees - 32) * 5 / 9,
    "f": lambda degrees: (degrees - 32) * 5 / 9,
}
SIGNED = "SignedData"
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
assert {unit.value.casefold() for unit in UnitOfMeasure} <= {*_UNITS, *_TO_CELSIUS}

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


@dataclass(frozen=True, slots=True)
class MeterSource:
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
    samples = [_sample(sample, sample_flags) for sample in meter_value["sampledValue"]]
    document = {
        "_id": _content_id(source, meter_value),
        "chargePointId": source.charge_point_id,
        "chargePointIdentity": source.identity,
        "connectorId": source.connector_id,
        "transactionId": source.transaction_id,
        "timestamp": device_time.time,
        "receivedAt": received_at,
        "sampledValue": samples,
        "flags": [*flags, *device_time.flags, *sorted(sample_flags)],
    }
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


def _content_id(source: MeterSource, meter_value: Mapping[str, Any]) -> str:
    content = orjson.dumps(
        [source.charge_point_id, source.connector_id, source.transaction_id, meter_value],
        option=orjson.OPT_SORT_KEYS,
    )
    return hashlib.blake2b(content, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class _Kind:
    """What samples that are described alike have in common."""

    measurand: str
    unit: str | None
    phase: str | None
    context: str
    location: str
    format: str
    factor: Decimal | None
    to_celsius: Callable[[Decimal], Decimal] | None
    flags: frozenset[str]


# A charge point describes its samples in the same few ways, thousands of times.
@lru_cache(maxsize=4096)
def _kind(
    measurand: str | None,
    unit: str | None,
    phase: str | None,
    context: str | None,
    location: str | None,
    sample_format: str | None,
) -> _Kind:
    flags = set()
    measurand = measurand or DEFAULT_MEASURAND
    if measurand not in _KNOWN_MEASURANDS:
        flags.add("unknownMeasurand")
    factor: Decimal | None = None
    to_celsius = None
    folded = (unit or "").strip().casefold()
    if not unit:
        unit = next((u for name, u in _DEFAULT_UNITS if measurand.startswith(name)), None)
    elif folded in _UNITS:
        unit, factor = _UNITS[folded]
    elif folded in _TO_CELSIUS:
        unit, to_celsius = "Celsius", _TO_CELSIUS[folded]
    elif sample_format != SIGNED:
        flags.add("unknownUnit")
    return _Kind(
        measurand,
        unit,
        phase or None,
        context or "Sample.Periodic",
        location or "Outlet",
        sample_format or "Raw",
        factor,
        to_celsius,
        frozenset(flags),
    )


def _sample(sample: Mapping[str, Any], flags: set[str]) -> dict[str, Any]:
    get = sample.get
    kind = _kind(
        get("measurand"), get("unit"), get("phase"), get("context"), get("location"), get("format")
    )
    flags |= kind.flags
    raw = sample["value"]
    value = None
    if kind.format != SIGNED:
        value = _value(raw, kind)
        if value is None:
            flags.add("unreadableValue")
    return {
        "measurand": kind.measurand,
        "value": value,
        "raw": raw,
        "unit": kind.unit,
        "phase": kind.phase,
        "context": kind.context,
        "location": kind.location,
        "format": kind.format,
    }


def _value(raw: str, kind: _Kind) -> float | None:
    if kind.factor is None and kind.to_celsius is None and _PLAIN_NUMBER.fullmatch(raw):
        return float(raw)
    number = _number(raw)
    if number is None:
        return None
    if kind.factor is not None:
        number *= kind.factor
    elif kind.to_celsius is not None:
        number = kind.to_celsius(number)
    value = float(number)
    return value if math.isfinite(value) else None


def _number(raw: str) -> Decimal | None:
    try:
        number = Decimal(raw.strip())
    except InvalidOperation:
        return None
    # Beyond this a number is garbage, and arithmetic with it may not end.
    if not number.is_finite() or abs(number.adjusted()) > 30:
        return None
    return number
