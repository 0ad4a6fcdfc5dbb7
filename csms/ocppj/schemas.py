"""The JSON schemas of OCPP 1.6, as the `ocpp` package ships them, compiled for speed."""

from __future__ import annotations

import copy
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
import orjson

Schema = dict[str, Any]

MAX_INTEGER = 2**53 - 1
"""Integers beyond this are no OCPP numbers, and not all of them fit BSON."""

_SCHEMAS = files("ocpp.v16") / "schemas"

REQUEST_ACTIONS = frozenset(
    name.removesuffix(".json")
    for name in (entry.name for entry in _SCHEMAS.iterdir())
    if name.endswith(".json") and not name.endswith("Response.json")
)
"""Every action of OCPP 1.6 and its security extension, in both directions."""

UNKNOWN_ACTION = "unknown"


def action_label(action: str) -> str:
    """An action's name for counters. All that OCPP does not have share one, for they come from
    outside, and each name makes a counter of its own.
    """
    return action if action in REQUEST_ACTIONS else UNKNOWN_ACTION


@cache
def _load(name: str) -> Schema:
    schema: Schema = orjson.loads((_SCHEMAS / f"{name}.json").read_bytes())
    _bound_integers(schema)
    return schema


def schema_of(name: str) -> Schema:
    """A copy of the schema `name` ("MeterValues", "MeterValuesResponse", ...) to work on."""
    return copy.deepcopy(_load(name))


def compile_schema(schema: Schema) -> jsonschema_rs.Draft4Validator:
    """A validator that ignores formats (times are read, and judged, by the domain).

    Values are masked in its messages: they end up in answers and logs, and may be secrets.
    """
    return jsonschema_rs.Draft4Validator(schema, validate_formats=False, mask="value")


@cache
def strict(name: str) -> jsonschema_rs.Draft4Validator:
    """The standard's own check for `name`."""
    return compile_schema(_load(name))


def _bound_integers(schema: Any) -> None:
    if isinstance(schema, list):
        for item in schema:
            _bound_integers(item)
    elif isinstance(schema, dict):
        if schema.get("type") == "integer":
            schema.setdefault("minimum", -MAX_INTEGER)
            schema.setdefault("maximum", MAX_INTEGER)
        for item in schema.values():
            _bound_integers(item)
