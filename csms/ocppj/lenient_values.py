"""Lenient readings of single values: texts, numbers, ids and times that are a little off.

A reader takes a value that is not null and a list, to which it adds the names of the quirks that
it had to repair. It returns what to work with, or `ABSENT` where nothing usable is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import orjson

from csms.ocppj import quirks
from csms.ocppj.schemas import MAX_INTEGER

ABSENT: Any = object()
"""What is read of a value that cannot be used."""

Reader = Callable[[Any, list[str]], Any]

MAX_TEXT = 500
"""Texts are kept up to this length, if the standard itself does not allow more."""

_MAX_TIMESTAMP = 100
_CONTROL_CHARACTERS = dict.fromkeys((*range(32), *range(127, 160)))
_MAX_ID = quirks.MAX_TRANSACTION_ID
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d{1,18}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,2})?", re.ASCII)


def text(limit: int | None) -> Reader:
    """A text for which the standard sets a limit; None sets none."""

    def read(raw: Any, found: list[str]) -> Any:
        if isinstance(raw, list | dict):
            # Vendors put objects where the standard wants their JSON text.
            found.append(quirks.NUMBER_FOR_TEXT.name)
            try:
                raw = orjson.dumps(raw).decode()
            except orjson.JSONEncodeError:
                # It is nested too deep.
                return ABSENT
        value = _as_text(raw, found)
        return value if limit is None else _shorten(value, limit, found)

    return read


def word(known: Collection[str]) -> Reader:
    """A word of an enumeration (OCPP 1.6, 7), or another."""

    def read(raw: Any, found: list[str]) -> Any:
        value = _as_text(raw, found)
        if value is ABSENT or value in known:
            return value
        found.append(quirks.UNKNOWN_ENUMERATION.name)
        return _shorten(value, MAX_TEXT, found)

    return read


def id_tag(limit: int) -> Reader:
    """An IdToken (OCPP 1.6, 7.28), without control characters and outer blanks."""

    def read(raw: Any, found: list[str]) -> Any:
        value = _as_text(raw, found)
        if value is ABSENT:
            return value
        clean = value.translate(_CONTROL_CHARACTERS).strip()
        if clean != value:
            found.append(quirks.CONTROL_CHARACTERS.name)
        return _shorten(clean, limit, found)

    return read


def timestamp(raw: Any, found: list[str]) -> Any:
    """A time as text, whatever is in it: the domain reads and judges it."""
    if isinstance(raw, str):
        return raw[:_MAX_TIMESTAMP]
    found.append(quirks.ODD_TIMESTAMP.name)
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return repr(raw)
    return ABSENT


def register(raw: Any, found: list[str]) -> Any:
    """A meter register in Wh (`meterStart`, `meterStop`); below 0 it is no reading."""
    number = _number(raw, found)
    if number is not ABSENT and 0 <= number <= MAX_INTEGER:
        return number
    found.append(quirks.UNREADABLE_NUMBER.name)
    return ABSENT


def identifier(least: int, quirk: quirks.Quirk = quirks.UNREADABLE_NUMBER) -> Reader:
    """A number that names something, from `least` to 2,147,483,647; `quirk` names all others."""

    def read(raw: Any, found: list[str]) -> Any:
        number = _integer(raw)
        if number is ABSENT or not least <= number <= _MAX_ID:
            found.append(quirk.name)
            return ABSENT
        if type(raw) is not int:
            found.append(quirks.ODD_NUMBER.name)
        return number

    return read


def sample_value(raw: Any, found: list[str]) -> Any:
    """The `value` of a SampledValue (OCPP 1.6, 7.43): a text."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        found.append(quirks.NUMERIC_VALUE.name)
        return repr(raw)
    return ABSENT


def _as_text(raw: Any, found: list[str]) -> Any:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, list | dict):
        found.append(quirks.UNREADABLE_FIELD.name)
        return ABSENT
    found.append(quirks.NUMBER_FOR_TEXT.name)
    # An integer may be larger than orjson writes.
    return str(raw) if type(raw) is int else orjson.dumps(raw).decode()


def _shorten(value: str, limit: int, found: list[str]) -> str:
    if len(value) <= limit:
        return value
    found.append(quirks.OVERLONG_TEXT.name)
    if len(value) > max(limit, MAX_TEXT):
        found.append(quirks.CUT_TEXT.name)
    return value[: max(limit, MAX_TEXT)]


def _integer(raw: Any) -> Any:
    """A whole number, also as text or as a float; ABSENT if it is none."""
    if type(raw) is int:
        return raw
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    if isinstance(raw, str) and _INTEGER.fullmatch(raw.strip()):
        return int(raw)
    return ABSENT


def _number(raw: Any, found: list[str]) -> Any:
    """A number, rounded to a whole one; ABSENT if it is none."""
    if type(raw) is int:
        return raw
    if isinstance(raw, float):
        raw = repr(raw)
    if not isinstance(raw, str) or not _NUMBER.fullmatch(raw.strip()):
        return ABSENT
    found.append(quirks.ODD_NUMBER.name)
    return int(Decimal(raw.strip()).to_integral_value(ROUND_HALF_UP))
