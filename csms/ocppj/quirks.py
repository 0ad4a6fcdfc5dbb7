"""Deviations of real charge points that are tolerated, each declared once.

A payload that fails the standard's schema is repaired by the quirks that apply to its action and
checked again, against the schema as those quirks relax it. What the standard allows never comes
this way. Which quirks a message had is recorded with the charge point.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema_rs

from csms.ocppj.frames import Payload
from csms.ocppj.schemas import Schema, compile_schema, schema_of

MAX_TOLERATED_LENGTH = 255


@dataclass(frozen=True)
class Quirk:
    """One tolerated deviation.

    `relax` widens the action's schema. `repair` mends a payload in place and says whether it had
    to; a quirk without one is recognised by the caller's second check alone.
    """

    name: str
    tolerated: str
    actions: frozenset[str]
    repair: Callable[[Payload], bool]
    relax: Callable[[Schema], None] = lambda schema: None


_METERING = frozenset({"MeterValues", "StopTransaction"})
_TIMED = frozenset({"MeterValues", "StatusNotification", "StartTransaction", "StopTransaction"})
_BOOT = frozenset({"BootNotification"})
_ENUM_FIELDS = ("context", "format", "measurand", "phase", "location", "unit")
_LONG_BOOT_FIELDS = (
    "chargePointSerialNumber",
    "chargeBoxSerialNumber",
    "meterSerialNumber",
    "meterType",
    "firmwareVersion",
    "chargePointModel",
    "iccid",
    "imsi",
)
_LONG_STATUS_FIELDS = ("info", "vendorErrorCode", "vendorId")


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


def _drop_nulls(payload: Any) -> bool:
    """Treat null as absent, at every depth."""
    found = False
    if isinstance(payload, dict):
        for key in [key for key, value in payload.items() if value is None]:
            del payload[key]
            found = True
        for value in payload.values():
            found |= _drop_nulls(value)
    elif isinstance(payload, list):
        for value in payload:
            found |= _drop_nulls(value)
    return found


def _wrap_single_elements(payload: Payload) -> bool:
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


def _stringify_values(payload: Payload) -> bool:
    found = False
    for sample in _sampled_values(payload):
        value = sample.get("value")
        if isinstance(value, int | float) and not isinstance(value, bool):
            sample["value"] = repr(value)
            found = True
    return found


def _stringify_timestamps(payload: Payload) -> bool:
    found = False
    for holder in (payload, *_meter_values(payload)):
        stamp = holder.get("timestamp")
        if isinstance(stamp, int | float) and not isinstance(stamp, bool):
            holder["timestamp"] = repr(stamp)
            found = True
    return found


def _has_unknown_enums(payload: Payload) -> bool:
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


def _open_enums(schema: Schema) -> None:
    sample = _meter_value_schema(schema)["items"]["properties"]["sampledValue"]["items"]
    for name in _ENUM_FIELDS:
        del sample["properties"][name]["enum"]
        sample["properties"][name]["maxLength"] = MAX_TOLERATED_LENGTH


def _has_empty_list(payload: Payload) -> bool:
    return payload.get(_values_key(payload)) == [] or any(
        value.get("sampledValue") == [] for value in _meter_values(payload)
    )


def _allow_empty_lists(schema: Schema) -> None:
    values = _meter_value_schema(schema)
    values.pop("minItems", None)
    values["items"]["properties"]["sampledValue"].pop("minItems", None)


def _too_long(schema_name: str, fields: tuple[str, ...]) -> Callable[[Payload], bool]:
    def found(payload: Payload) -> bool:
        properties = schema_of(schema_name)["properties"]
        return any(
            isinstance(payload.get(name), str)
            and len(payload[name]) > properties[name]["maxLength"]
            for name in fields
        )

    return found


def _lengthen(fields: tuple[str, ...]) -> Callable[[Schema], None]:
    def relax(schema: Schema) -> None:
        for name in fields:
            schema["properties"][name]["maxLength"] = MAX_TOLERATED_LENGTH

    return relax


def _allow_serial_number(schema: Schema) -> None:
    schema["properties"]["serialNumber"] = {"type": "string", "maxLength": MAX_TOLERATED_LENGTH}


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "nullField",
        "null where an optional field should be left out; taken as left out",
        _METERING | _TIMED | _BOOT | {"DataTransfer"},
        _drop_nulls,
    ),
    Quirk(
        "objectForList",
        "a single object where a list of one is due; wrapped in a list",
        _METERING,
        _wrap_single_elements,
    ),
    Quirk("numericValue", "a number as `value`; kept as its text", _METERING, _stringify_values),
    Quirk(
        "numericTimestamp", "an epoch number as time; read as one", _TIMED, _stringify_timestamps
    ),
    Quirk(
        "unknownEnumeration",
        "a measurand, unit, phase, ... that OCPP does not list; the sample is kept and flagged",
        _METERING,
        _has_unknown_enums,
        _open_enums,
    ),
    Quirk(
        "emptyList",
        "a meter value list without elements; answered, nothing to store",
        _METERING,
        _has_empty_list,
        _allow_empty_lists,
    ),
    Quirk(
        "overlongBootField",
        "serials, versions, ... longer than the standard's limit; kept whole",
        _BOOT,
        _too_long("BootNotification", _LONG_BOOT_FIELDS),
        _lengthen(_LONG_BOOT_FIELDS),
    ),
    Quirk(
        "serialNumberField",
        "the serial as `serialNumber`; used when the standard's two fields are missing",
        _BOOT,
        lambda payload: "serialNumber" in payload,
        _allow_serial_number,
    ),
    Quirk(
        "overlongStatusText",
        "info, vendorId or vendorErrorCode longer than the standard's limit; kept whole",
        frozenset({"StatusNotification"}),
        _too_long("StatusNotification", _LONG_STATUS_FIELDS),
        _lengthen(_LONG_STATUS_FIELDS),
    ),
)


def tolerate(action: str, payload: Payload) -> tuple[Payload, list[str]]:
    """A repaired copy of a payload that failed the strict check, and the quirks that it had."""
    repaired = copy.deepcopy(payload)
    found = [q.name for q in QUIRKS if action in q.actions and q.repair(repaired)]
    return repaired, found


@cache
def relaxed(action: str) -> jsonschema_rs.Draft4Validator:
    """The check of `action` as its quirks relax it."""
    schema = schema_of(action)
    for quirk in QUIRKS:
        if action in quirk.actions:
            quirk.relax(schema)
    return compile_schema(schema)
