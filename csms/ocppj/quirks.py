"""Deviations of real charge points that are tolerated: each is declared here, once.

A payload that fails the standard's schema is repaired by the quirks of its action and checked
again, against the schema as those quirks relax it. What passes the schema is only looked at for
the quirks that have a `notice`. Those of a connection are found where it is admitted. Which a
charge point has, and how often, is counted in its record as `quirks`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import jsonschema_rs

from csms.ocppj import repairs
from csms.ocppj.frames import Payload
from csms.ocppj.schemas import Schema, compile_schema, schema_of


@dataclass(frozen=True)
class Quirk:
    """One tolerated deviation: what it is, and what is made of it.

    `repair` mends a payload in place and says whether it had to; `relax` widens the action's
    schema for what is left as it is; `notice` finds it in a payload that the schema lets pass.
    """

    name: str
    tolerated: str
    handled: str
    actions: frozenset[str] = frozenset()
    repair: Callable[[Payload], bool] = lambda payload: False
    relax: Callable[[Schema], None] = lambda schema: None
    notice: Callable[[Payload], bool] | None = None


_METERING = frozenset({"MeterValues", "StopTransaction"})
_TIMED = frozenset({"MeterValues", "StatusNotification", "StartTransaction", "StopTransaction"})
_BOOT = frozenset({"BootNotification"})
_STATUS = frozenset({"StatusNotification"})
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

MISSING_SUBPROTOCOL = Quirk(
    "missingSubprotocol",
    "no WebSocket sub-protocol is offered",
    "let in if `allow_missing_subprotocol` is set; OCPP 1.6 is taken for granted",
)
TRAILING_SLASH = Quirk(
    "trailingSlash",
    "a slash at the end of the URL",
    "left out, if `allow_trailing_slash` is set",
)
ABSOLUTE_TARGET = Quirk(
    "absoluteRequestTarget",
    "the whole URL as request target of the upgrade, as HTTP allows",
    "read as its path",
)
DOUBLED_SLASH = Quirk(
    "doubledSlash",
    "two slashes together in the URL",
    "read as one, if `allow_trailing_slash` is set",
)
NO_PONG = Quirk(
    "noPong",
    "WebSocket pings are not answered",
    "its socket is closed only after 2.5 heartbeat intervals of silence",
)
IDENTITY_CASE = Quirk(
    "identityCase",
    "the identity in other case than on record",
    "taken for the one on record, if `ignore_identity_case` is set",
)
NO_BOOT = Quirk(
    "noBootAfterReconnect",
    "a reconnect without a BootNotification",
    "served at once, as it was accepted before",
)

QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "nullField",
        "null where an optional field should be left out",
        "taken as left out",
        _METERING | _TIMED | _BOOT | {"DataTransfer"},
        repairs.drop_nulls,
    ),
    Quirk(
        "objectForList",
        "a single object where a list of one is due",
        "wrapped in a list",
        _METERING,
        repairs.wrap_single_elements,
    ),
    Quirk(
        "numericValue",
        "a number as `value`",
        "kept as its text",
        _METERING,
        repairs.stringify_values,
    ),
    Quirk(
        "oddTimestamp",
        "an epoch number for a time, or a time without a zone, without seconds, ... or none at all",
        "read as UTC where it can be, else replaced by the time of receipt and flagged",
        _TIMED,
        repairs.stringify_timestamps,
        notice=repairs.has_odd_timestamp,
    ),
    Quirk(
        "unknownEnumeration",
        "a measurand, unit, phase, ... that OCPP does not list",
        "the sample is kept as it is and flagged",
        _METERING,
        repairs.has_unknown_enums,
        repairs.open_enums,
    ),
    Quirk(
        "misspelledCelsius",
        "the unit `Celcius`, as the standard's first print has it",
        "stored as `Celsius`",
        _METERING,
        notice=repairs.has_misspelled_celsius,
    ),
    Quirk(
        "emptyList",
        "a meter value list without elements",
        "answered; there is nothing to store",
        _METERING,
        repairs.has_empty_list,
        repairs.allow_empty_lists,
    ),
    Quirk(
        "emptyVendor",
        "a blank vendor or model",
        "stored as unknown",
        _BOOT,
        notice=repairs.has_empty_vendor,
    ),
    Quirk(
        "overlongBootField",
        "serials, versions, ... longer than the standard's limit",
        "kept whole",
        _BOOT,
        repairs.too_long("BootNotification", _LONG_BOOT_FIELDS),
        repairs.lengthen(_LONG_BOOT_FIELDS),
    ),
    Quirk(
        "serialNumberField",
        "the serial as `serialNumber`",
        "used when the standard's two fields are missing",
        _BOOT,
        lambda payload: "serialNumber" in payload,
        repairs.allow_serial_number,
    ),
    Quirk(
        "overlongStatusText",
        "info, vendorId or vendorErrorCode longer than the standard's limit",
        "kept whole",
        _STATUS,
        repairs.too_long("StatusNotification", _LONG_STATUS_FIELDS),
        repairs.lengthen(_LONG_STATUS_FIELDS),
    ),
    MISSING_SUBPROTOCOL,
    TRAILING_SLASH,
    ABSOLUTE_TARGET,
    DOUBLED_SLASH,
    IDENTITY_CASE,
    NO_BOOT,
    NO_PONG,
)


def notice(action: str, payload: Payload) -> list[str]:
    """The quirks of a payload that fits its schema."""
    noticing = _noticing(action)
    return [name for name, found in noticing if found(payload)] if noticing else []


@cache
def _noticing(action: str) -> list[tuple[str, Callable[[Payload], bool]]]:
    return [(q.name, q.notice) for q in QUIRKS if action in q.actions and q.notice is not None]


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
