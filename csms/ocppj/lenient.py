"""The lenient reading of payloads that fail the standard's schema.

A charge point that is refused throws its message away after a few attempts, and with it energy, a
session or a driver's access. So messages that carry these are read field by field, as their
schemas lay them out, and whatever is off is repaired, set aside or taken as missing, by the quirks
that `quirks.py` declares. Only a payload that has nothing of its message left is refused.

What comes out has only fields that the schema knows, each of its type; texts may be longer and
words others than the standard's; the fields in `_MAY_LACK` may be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from csms.ocppj import lenient_values as values
from csms.ocppj import quirks
from csms.ocppj.frames import Payload
from csms.ocppj.lenient_values import ABSENT, Reader
from csms.ocppj.schemas import Schema, schema_of

FLAGS = "csms.flags"
"""In a repaired MeterValue element: the flags that its reading gets. No schema has this name."""

UNREADABLE_VALUE = "unreadableValue"

LENIENT_ACTIONS = frozenset(
    {
        "Authorize",
        "BootNotification",
        "DataTransfer",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
    }
)
"""Messages that are read leniently: all that charge points send."""

# Required by the standard; the handlers know what to do without them.
_MAY_LACK: Mapping[str, frozenset[str]] = {
    "BootNotification": frozenset({"chargePointVendor", "chargePointModel"}),
    "MeterValues": frozenset({"connectorId"}),
    "SecurityEventNotification": frozenset({"timestamp"}),
    "StartTransaction": frozenset({"connectorId", "meterStart", "timestamp"}),
    "StatusNotification": frozenset({"status"}),
    "StopTransaction": frozenset({"transactionId", "meterStop", "timestamp"}),
}

# Whether what could be read says anything. A fault does, without the status `Faulted`.
_SAYS_ANYTHING: Mapping[str, Callable[[Payload], bool]] = {
    "StatusNotification": lambda read: (
        "status" in read or read.get("errorCode", "NoError") != "NoError"
    ),
}

# Required by the standard; what stands in where they are missing. Connector 0 is the charge point
# as a whole (OCPP 1.6, 4.9).
_STANDS_IN: Mapping[str, Mapping[str, Any]] = {
    "Authorize": {"idTag": ""},
    "MeterValues": {"meterValue": []},
    "SecurityEventNotification": {"type": "Unknown"},
    "StartTransaction": {"idTag": ""},
    "StatusNotification": {"connectorId": 0, "errorCode": "NoError"},
}


class _Extra(NamedTuple):
    """A field that the standard does not have, and that is read all the same."""

    schema: Schema
    quirk: quirks.Quirk


_EXTRA_FIELDS: Mapping[str, Mapping[str, _Extra]] = {
    "BootNotification": {
        "serialNumber": _Extra({"type": "string", "maxLength": 25}, quirks.SERIAL_NUMBER_FIELD)
    },
    "StopTransaction": {"connectorId": _Extra({"type": "integer"}, quirks.UNKNOWN_PROPERTY)},
}

_BY_NAME: Mapping[str, Reader] = {
    "connectorId": values.identifier(0),
    "transactionId": values.identifier(1, quirks.UNUSABLE_TRANSACTION_ID),
    "reservationId": values.identifier(1),
    "requestId": values.identifier(0),
    "meterStart": values.register,
    "meterStop": values.register,
    "timestamp": values.timestamp,
    "value": values.sample_value,
}


def read(action: str, payload: Payload) -> tuple[Payload, list[str]] | None:
    """Read a payload of a lenient Action that fails the schema.

    Returns a repaired copy and the names of the quirks that it had, or None if nothing of the
    message is left in it.
    """
    if action not in LENIENT_ACTIONS:
        return None
    plan = _plan_of(action)
    found: list[str] = []
    repaired: Payload = plan.reader(payload, found)
    if plan.required and not any(name.casefold() in plan.names for name in payload):
        return None
    if plan.says_anything is not None and not plan.says_anything(repaired):
        return None
    for name in plan.required:
        if name in repaired:
            continue
        if name in plan.stands_in:
            repaired[name] = plan.stands_in[name]
        elif name not in plan.may_lack:
            return None
        if _is_missing(payload, name):
            found.append(quirks.MISSING_FIELD.name)
    found += [quirk.name for name, quirk in plan.extra.items() if name in repaired]
    return repaired, list(dict.fromkeys(found))


class _Plan:
    """How the messages of an Action are read."""

    def __init__(self, action: str) -> None:
        schema = schema_of(action)
        extra = _EXTRA_FIELDS.get(action, {})
        schema["properties"] |= {name: field.schema for name, field in extra.items()}
        self.extra = {name: field.quirk for name, field in extra.items()}
        self.reader = _object(schema, schema)
        self.names = frozenset(name.casefold() for name in schema["properties"])
        self.required: list[str] = schema.get("required", [])
        self.stands_in = _STANDS_IN.get(action, {})
        self.may_lack = _MAY_LACK.get(action, frozenset())
        self.says_anything = _SAYS_ANYTHING.get(action)


_plan_of = cache(_Plan)


def _is_missing(payload: Payload, name: str) -> bool:
    folded = name.casefold()
    return not any(key.casefold() == folded for key in payload)


def _reader_of(name: str, schema: Schema, root: Schema) -> Reader:
    """The reader of a property, by its name where that says more than its type."""
    if reference := schema.get("$ref"):
        for part in reference.removeprefix("#/").split("/"):
            root = root[part]
        schema = root
    if name in ("meterValue", "transactionData"):
        return _list(_meter_value(schema["items"], root))
    if name == "sampledValue":
        return _list(_sampled_value(schema["items"], root))
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name == "idTag":
        return values.id_tag(schema["maxLength"])
    if "enum" in schema:
        return values.word(frozenset(schema["enum"]))
    return values.text(schema.get("maxLength"))


def _object(schema: Schema, root: Schema) -> Reader:
    """An object with the properties of a schema."""
    readers = {name: _reader_of(name, s, root) for name, s in schema["properties"].items()}
    by_folded_name = {name.casefold(): name for name in readers}

    def read(raw: Payload, found: list[str]) -> Payload:
        result = {}
        for name, value in raw.items():
            reader = readers.get(name)
            if reader is None:
                meant = by_folded_name.get(name.casefold())
                if meant is None or meant in raw:
                    found.append(quirks.UNKNOWN_PROPERTY.name)
                    continue
                found.append(quirks.PROPERTY_CASE.name)
                name, reader = meant, readers[meant]
            if value is None:
                found.append(quirks.NULL_FIELD.name)
                continue
            value = reader(value, found)
            if value is not ABSENT:
                result[name] = value
        return result

    return read


def _list(element: Reader) -> Reader:
    """A list; elements that cannot be read are left out."""

    def read(raw: Any, found: list[str]) -> Any:
        if isinstance(raw, dict):
            found.append(quirks.OBJECT_FOR_LIST.name)
            raw = [raw]
        if not isinstance(raw, list):
            found.append(quirks.UNREADABLE_FIELD.name)
            return []
        if not raw:
            found.append(quirks.EMPTY_LIST.name)
        return [value for item in raw if (value := element(item, found)) is not ABSENT]

    return read


def _meter_value(schema: Schema, root: Schema) -> Reader:
    """A MeterValue element (OCPP 1.6, 7.33); that samples were left out is in its `FLAGS`."""
    read_fields = _object(schema, root)

    def read(raw: Any, found: list[str]) -> Any:
        if not isinstance(raw, dict):
            found.append(quirks.UNREADABLE_SAMPLE.name)
            return ABSENT
        before = len(found)
        value = read_fields(raw, found)
        if "sampledValue" not in value:
            value["sampledValue"] = []
            found.append(quirks.MISSING_FIELD.name)
        if quirks.UNREADABLE_SAMPLE.name in found[before:]:
            value[FLAGS] = [UNREADABLE_VALUE]
        return value

    return read


def _sampled_value(schema: Schema, root: Schema) -> Reader:
    """A SampledValue element (OCPP 1.6, 7.43)."""
    read_fields = _object(schema, root)

    def read(raw: Any, found: list[str]) -> Any:
        if isinstance(raw, dict):
            sample = read_fields(raw, found)
            if "value" in sample:
                return sample
        found.append(quirks.UNREADABLE_SAMPLE.name)
        return ABSENT

    return read
