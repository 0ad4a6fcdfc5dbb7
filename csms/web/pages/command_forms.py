"""Forms for commands, made from the JSON schemas that the commands are checked against.

An action that comes to be supported gets its form by itself. What is nested deeper than a flat
object is entered as JSON, with an example filled in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from csms.domain.local_list import LocalListRequest
from csms.domain.verification import VerifyRequest
from csms.ocppj.schemas import schema_of
from csms.web.api.files import DiagnosticsRequest, FirmwareUpdate, LogRequest

Schema = Mapping[str, Any]

VERIFY = "verify"

FIRST_ACTIONS: tuple[tuple[str, str], ...] = (
    ("RemoteStartTransaction", "Remote start"),
    ("RemoteStopTransaction", "Remote stop"),
    ("refresh-connectors", "Refresh connectors"),
    (VERIFY, "Verify"),
    ("Reset", "Reset"),
    ("UnlockConnector", "Unlock"),
    ("ChangeAvailability", "Availability"),
    ("GetConfiguration", "Get configuration"),
    ("ChangeConfiguration", "Change configuration"),
    ("TriggerMessage", "Trigger"),
)
"""What operators need every day, with what they call it."""

RESOURCES: Mapping[str, tuple[str, type[BaseModel] | None]] = {
    "refresh-connectors": ("Refresh connectors", None),
    VERIFY: ("Verify", VerifyRequest),
    "local-list": ("Bring the local list up to date", LocalListRequest),
    "update-firmware": ("Install a firmware file kept here", FirmwareUpdate),
    "get-diagnostics": ("Fetch diagnostics to here", DiagnosticsRequest),
    "get-log": ("Fetch a log to here", LogRequest),
}
"""Commands that have a REST resource of their own."""

_LATER = ("chargingProfile",)
"""Fields that a plain form leaves to the REST."""

LABELS: Mapping[str, str] = {
    "connectorId": "Connector",
    "idTag": "Id tag",
    "parentIdTag": "Parent id tag",
    "transactionId": "Transaction",
    "reservationId": "Reservation",
    "fileId": "File",
    "type": "Kind",
    "key": "Key",
    "value": "Value",
    "requestedMessage": "Message",
    "freshBoot": "Ask for a new BootNotification",
    "expiryDate": "Until",
    "location": "URL",
    "retrieveDate": "Not before",
    "startTime": "From",
    "stopTime": "To",
    "oldestTimestamp": "From",
    "latestTimestamp": "To",
    "logType": "Log",
    "retries": "Tries",
    "retryInterval": "Seconds between tries",
    "duration": "Duration, seconds",
    "updateType": "Kind of update",
    "vendorId": "Vendor",
    "messageId": "Message id",
    "data": "Data",
}
"""What fields are called; others are shown by their name in OCPP."""

_LIVELY = ("connectorId", "transactionId", "reservationId", "fileId")
"""Fields that are chosen from what there is at the moment."""


@dataclass(frozen=True)
class Field:
    """One input. `kind` is what `forms.js` reads it as; `choices` make it a list to choose from."""

    name: str
    label: str
    kind: str
    required: bool = False
    choices: Sequence[tuple[str, str]] = ()
    suggestions: Sequence[str] = ()
    max_length: int | None = None
    minimum: int | None = None
    value: str = ""


@dataclass(frozen=True)
class CommandForm:
    """A command's form. `resource` is the last part of the path it is sent to."""

    action: str
    title: str
    resource: str
    fields: Sequence[Field]


def command_form(
    action: str,
    choices: Mapping[str, Sequence[tuple[str, str]]],
    suggestions: Mapping[str, Sequence[str]],
) -> CommandForm:
    """The form of an action. `choices` and `suggestions` are by the names of fields.

    Raises:
        KeyError: there is no such action.
    """
    if action in RESOURCES:
        title, model = RESOURCES[action]
        schema = model.model_json_schema() if model is not None else {}
        fields = _fields(schema, "", choices, suggestions)
        return CommandForm(action, title, action, list(fields))
    titles = dict(FIRST_ACTIONS)
    fields = _fields(schema_of(action), "payload.", choices, suggestions)
    return CommandForm(action, titles.get(action, action), "commands", list(fields))


def _fields(
    schema: Schema,
    prefix: str,
    choices: Mapping[str, Sequence[tuple[str, str]]],
    suggestions: Mapping[str, Sequence[str]],
) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, found in schema.get("properties", {}).items():
        if name in _LATER:
            continue
        part = _resolved(found, schema)
        # A request id is made up where none is sent.
        must = name in required and name not in ("requestId", "reservationId")
        chosen = choices.get(name) if name in _LIVELY else None
        yield Field(
            prefix + name,
            LABELS.get(name, name),
            _kind(part),
            must,
            chosen if chosen is not None else _enumerated(part),
            suggestions.get(name, ()),
            part.get("maxLength"),
            part.get("minimum"),
            _example_text(part, schema),
        )


def _resolved(part: Schema, schema: Schema) -> Schema:
    """A part of a schema itself, where it is a reference, or one that may be null."""
    for other in part.get("anyOf", ()):
        if other.get("type") != "null":
            return _resolved(other, schema)
    if "$ref" in part:
        *_, kind, name = part["$ref"].split("/")
        definition: Schema = schema[kind][name]
        return definition
    return part


def _kind(part: Schema) -> str:
    kind = part.get("type", "string")
    if kind == "array" and part.get("items", {}).get("type") == "string":
        return "list"
    if kind in ("array", "object"):
        return "json"
    if part.get("format") == "date-time":
        return "time"
    return {"integer": "integer", "number": "number", "boolean": "boolean"}.get(kind, "text")


def _enumerated(part: Schema) -> Sequence[tuple[str, str]]:
    return [(str(value), str(value)) for value in part.get("enum", ())]


def _example_text(part: Schema, schema: Schema) -> str:
    if _kind(part) != "json":
        return ""
    return json.dumps(_example(part, schema), indent=2)


def _example(part: Schema, schema: Schema) -> Any:
    part = _resolved(part, schema)
    if "enum" in part:
        return part["enum"][0]
    kind = part.get("type")
    if kind == "object":
        required = part.get("required", ())
        return {n: _example(p, schema) for n, p in part["properties"].items() if n in required}
    if kind == "array":
        return [_example(part["items"], schema)]
    if part.get("format") == "date-time":
        return "2030-01-01T00:00:00Z"
    return {"integer": 0, "number": 0.0, "boolean": False}.get(str(kind), "")
