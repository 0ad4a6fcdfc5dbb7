"""Sampled values as they are stored: the standard's defaults filled in, units brought to one kind.

A sample that looks wrong never costs the message: it is kept as it was sent, and flagged.

This is done for every sample of every charge point, so it goes straight to BSON, and quickly: what
the samples of one kind have in common is encoded once, and kept as a template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from math import nan
from struct import Struct
from typing import Any

import bson
from ocpp.v16.enums import (
    Location,
    Measurand,
    Phase,
    ReadingContext,
    UnitOfMeasure,
    ValueFormat,
)

DEFAULT_MEASURAND = "Energy.Active.Import.Register"

MANY = 100
"""Samples in one element for which templates are kept by their place: no meter sends more."""

MAX_NUMBER = 2.0**53
"""Beyond this a number is garbage, such as the largest of 64 bits."""

_KNOWN_MEASURANDS = frozenset(measurand.value for measurand in Measurand)
_KNOWN_PHASES = frozenset(phase.value for phase in Phase)
_KNOWN_CONTEXTS = frozenset(context.value for context in ReadingContext)
_KNOWN_LOCATIONS = frozenset(location.value for location in Location)
_KNOWN_FORMATS = frozenset(value_format.value for value_format in ValueFormat)

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


_int32, _double = Struct("<i").pack, Struct("<d").pack


Samples = tuple[bytes, float | None, list[str]]
"""The samples of a MeterValue element.

They are a BSON array; the total of the import register in Wh, None if no usable one is among them;
and what looked wrong, by name.
"""


def encode_samples(samples: Iterable[Mapping[str, Any]]) -> Samples:
    """Encode SampledValue elements (OCPP 1.6, 7.43).

    `value` is in Wh, varh, W, VA, var, A, V, Celsius, Percent or Hz, and null where the text is no
    number; `raw` is the text.
    """
    parts: list[bytes] = []
    register: float | None = None
    flags: list[str] = []
    for place, sample in enumerate(samples):
        get = sample.get
        raw = sample["value"]
        text = raw.encode()
        head, null_head, middle, tail, convert, is_register, kind_flags = _template(
            place if place < MANY else 0,
            len(text),
            get("measurand"),
            get("unit"),
            get("phase"),
            get("context"),
            get("location"),
            get("format"),
        )
        if place >= MANY:
            head, null_head = _moved(head, place), _moved(null_head, place)
        try:
            value = float(raw) if convert is None else convert(raw)
        except (ValueError, ArithmeticError):
            value = nan
        if -MAX_NUMBER < value < MAX_NUMBER:
            parts += (head, _double(value), middle, text, tail)
            # A register below 0 is no reading.
            if is_register and register is None and value >= 0:
                register = value
        else:
            parts += (null_head, middle, text, tail)
            if convert is not _opaque:
                flags.append("unreadableValue")
        flags += kind_flags
    body = b"".join(parts)
    array = b"%b%b\0" % (_int32(len(body) + 5), body)
    return array, register, sorted(set(flags)) if flags else flags


# A plain tuple, because it is taken apart for every sample: `head`, `null_head`, `middle`, `tail`,
# `convert`, `is_register`, `flags`. An element of the array is `head`, the value as a
# double, `middle`, the text, `tail`; or `null_head`, `middle`, the text, `tail`. Without `convert`
# the text is the value.
_Template = tuple[bytes, bytes, bytes, bytes, Callable[[str], float] | None, bool, tuple[str, ...]]


def _moved(head: bytes, place: int) -> bytes:
    """The head of the first element of an array, as that of another: its type, then its index."""
    return b"%b%d%b" % (head[:1], place, head[2:])


# A meter sends the same few kinds for ever; the bound is for one that makes kinds up.
@lru_cache(8192)
def _template(
    place: int,
    length: int,
    measurand: str | None,
    unit: str | None,
    phase: str | None,
    context: str | None,
    location: str | None,
    sample_format: str | None,
) -> _Template:
    measurand = measurand or DEFAULT_MEASURAND
    flags = [] if measurand in _KNOWN_MEASURANDS else ["unknownMeasurand"]
    for word, listed, flag in (
        (phase, _KNOWN_PHASES, "unknownPhase"),
        (context, _KNOWN_CONTEXTS, "unknownContext"),
        (location, _KNOWN_LOCATIONS, "unknownLocation"),
        (sample_format, _KNOWN_FORMATS, "unknownFormat"),
    ):
        if word and word not in listed:
            flags.append(flag)
    convert: Callable[[str], float] | None = _opaque
    unit = unit or None
    if sample_format != "SignedData":
        unit, convert, known = _normal_unit(measurand, unit)
        if not known:
            flags.append("unknownUnit")
    stored = {
        "measurand": measurand,
        "value": 0.0,
        "raw": "x" * length,
        "unit": unit,
        "phase": phase or None,
        "context": context or "Sample.Periodic",
        "location": location or "Outlet",
        "format": sample_format or "Raw",
    }
    head, middle, tail = _cut(str(place), stored)
    null_head, _, _ = _cut(str(place), {**stored, "value": None})
    is_register = measurand == DEFAULT_MEASURAND and not phase
    return head, null_head, middle, tail, convert, is_register, tuple(flags)


def _cut(key: str, stored: Mapping[str, Any]) -> tuple[bytes, bytes, bytes]:
    """What is before the value of a sample, between it and the text of `raw`, and behind that."""
    encoded = bson.encode({key: stored})[4:-1]
    begun = len(bson.encode({key: {"measurand": stored["measurand"]}})[4:-2])
    value = begun + len(b"\x01value\0")
    raw = value + (0 if stored["value"] is None else 8)
    text = raw + len(b"\x02raw\0") + 4
    return encoded[:value], encoded[raw:text], encoded[text + len(stored["raw"]) :]


def _normal_unit(
    measurand: str, unit: str | None
) -> tuple[str | None, Callable[[str], float] | None, bool]:
    """The unit that is stored, how a text is read in it, and whether the unit is known."""
    if unit is None:
        default = next((u for name, u in _DEFAULT_UNITS if measurand.startswith(name)), None)
        return default, None, True
    folded = unit.strip().casefold()
    if folded in _UNITS:
        stored, factor = _UNITS[folded]
        return stored, None if factor is None else _by(factor), True
    if folded in ("k", "kelvin"):
        return "Celsius", _from_kelvin, True
    if folded in ("fahrenheit", "f"):
        return "Celsius", _from_fahrenheit, True
    return unit, None, False


def _by(factor: Decimal) -> Callable[[str], float]:
    return lambda text: float(_decimal(text) * factor)


def _from_kelvin(text: str) -> float:
    return float(_decimal(text) - _KELVIN_OFFSET)


def _from_fahrenheit(text: str) -> float:
    return float((_decimal(text) - 32) * 5 / 9)


def _opaque(text: str) -> float:
    return nan


def _decimal(text: str) -> Decimal:
    if not -MAX_NUMBER < float(text) < MAX_NUMBER:
        raise ValueError(text)
    return Decimal(text.strip())
