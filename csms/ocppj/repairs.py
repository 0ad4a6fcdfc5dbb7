"""How tolerated deviations are recognised, repaired, and let through the schemas.

`quirks.py` says which there are. A repair mends a payload in place and says whether it had to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from csms.ocppj.frames import Payload
from csms.ocppj.schemas import Schema, schema_of

MAX_TOLERATED_LENGTH = 255
_ENUM_FIELDS = ("context", "format", "measurand", "phase", "location", "unit")
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


def _values_key(payload: Payload) -> str:
    return "meterValue" if "meterValue" in payload else "transactionData"


def _meter_values(payload: Payload) -> Iterator[Payload]:
    values = payload.get(_values_key(payload))
    for value in values if isinstance(values, list) else []:
        if isinstance(value, dict):
            yield value


def _sampled_values(payload: Payload) -> Iterator[Payload]:
    for value in _meter_values(payload):
        samples = value.get("sampledValue")
        for sample in samples if isinstance(samples, list) else []:
            if isinstance(sample, dict):
                yield sample


def _meter_value_schema(schema: Schema) -> Schema:
    properties = schema["properties"]
    found: Schema = properties.get("meterValue") or properties["transactionData"]
    return found


def drop_nulls(payload: Any) -> bool:
    """Treat null as absent, at every depth."""
    found = False
    if isinstance(payload, dict):
        for key in [key for key, value in payload.items() if value is None]:
            del payload[key]
            found = True
        for value in payload.values():
            found |= drop_nulls(value)
    elif isinstance(payload, list):
        for value in payload:
            found |= drop_nulls(value)
    return found


def wrap_single_elements(payload: Payload) -> bool:
    """Make lists of one of single objects."""
    found = False
    key = _values_key(payload)
    if isinstance(payload.get(key), dict):
        payload[key] = [payload[key]]
        found = True
    for value in _meter_values(payload):
        if isinstance(value.get("sampledValue"), dict):
            value["sampledValue"] = [value["sampledValue"]]
            found = True
    return found


def stringify_values(payload: Payload) -> bool:
    """Write numbers in `value` as text."""
    found = False
    for sample in _sampled_values(payload):
        value = sample.get("value")
        if isinstance(value, int | float) and not isinstance(value, bool):
            sample["value"] = repr(value)
            found = True
    return found


def stringify_timestamps(payload: Payload) -> bool:
    """Write epoch numbers as text."""
    found = False
    for holder in (payload, *_meter_values(payload)):
        stamp = holder.get("timestamp")
        if isinstance(stamp, int | float) and not isinstance(stamp, bool):
            holder["timestamp"] = repr(stamp)
            found = True
    return found


def has_unknown_enums(payload: Payload) -> bool:
    """Whether a sample has a word that OCPP does not list."""
    known = _known_enums()
    return any(
        isinstance(sample.get(name), str) and sample[name] not in known[name]
        for sample in _sampled_values(payload)
        for name in _ENUM_FIELDS
    )


@cache
def _known_enums() -> dict[str, frozenset[str]]:
    properties = _meter_value_schema(schema_of("MeterValues"))["items"]["properties"]
    sample = properties["sampledValue"]["items"]["properties"]
    return {name: frozenset(sample[name]["enum"]) for name in _ENUM_FIELDS}


def open_enums(schema: Schema) -> None:
    """Take any word where OCPP lists some."""
    sample = _meter_value_schema(schema)["items"]["properties"]["sampledValue"]["items"]
    for name in _ENUM_FIELDS:
        del sample["properties"][name]["enum"]
        sample["properties"][name]["maxLength"] = MAX_TOLERATED_LENGTH


def has_empty_list(payload: Payload) -> bool:
    """Whether a list of meter values or samples is empty."""
    return payload.get(_values_key(payload)) == [] or any(
        value.get("sampledValue") == [] for value in _meter_values(payload)
    )


def allow_empty_lists(schema: Schema) -> None:
    """Take empty lists."""
    values = _meter_value_schema(schema)
    values.pop("minItems", None)
    values["items"]["properties"]["sampledValue"].pop("minItems", None)


def too_long(schema_name: str, fields: tuple[str, ...]) -> Callable[[Payload], bool]:
    """Whether one of these texts is longer than the schema allows."""

    def found(payload: Payload) -> bool:
        properties = schema_of(schema_name)["properties"]
        return any(
            isinstance(payload.get(name), str)
            and len(payload[name]) > properties[name]["maxLength"]
            for name in fields
        )

    return found


def lengthen(fields: tuple[str, ...]) -> Callable[[Schema], None]:
    """Take longer texts in these fields."""

    def relax(schema: Schema) -> None:
        for name in fields:
            schema["properties"][name]["maxLength"] = MAX_TOLERATED_LENGTH

    return relax


def allow_serial_number(schema: Schema) -> None:
    """Take the field `serialNumber`."""
    schema["properties"]["serialNumber"] = {"type": "string", "maxLength": MAX_TOLERATED_LENGTH}


def has_odd_timestamp(payload: Payload) -> bool:
    """Whether a timestamp is not written as RFC 3339 with a zone."""
    stamp = payload.get("timestamp")
    if isinstance(stamp, str) and _RFC3339.fullmatch(stamp) is None:
        return True
    values = payload.get("meterValue") or payload.get("transactionData") or ()
    for value in values:
        if _RFC3339.fullmatch(value["timestamp"]) is None:
            return True
    return False


def has_misspelled_celsius(payload: Payload) -> bool:
    """Whether a sample has the unit as the standard's first print misspells it."""
    values = payload.get("meterValue") or payload.get("transactionData") or ()
    for value in values:
        for sample in value["sampledValue"]:
            if sample.get("unit") == "Celcius":
                return True
    return False


def has_empty_vendor(payload: Payload) -> bool:
    """Whether the vendor or the model, which must be told, is left blank."""
    return not all(payload[name].strip() for name in ("chargePointVendor", "chargePointModel"))
