"""Deviations of real charge points that are tolerated: each is declared here, once.

A payload that fails the standard's schema is read again leniently (`lenient.py`), if its Action
carries energy, money or access; what had to be repaired is named by these quirks. A payload that
fits the schema is only looked at for the quirks that have a `notice`. Quirks of frames are found
where they are read, those of a connection where it is admitted. How often a charge point showed
each one is counted in its record as `quirks`, and over all of them in `/metrics`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from csms.ocppj import frames
from csms.ocppj.frames import Payload

MAX_TRANSACTION_ID = 2**31 - 1
"""Transaction ids that csms gives are positive int32 numbers."""

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


@dataclass(frozen=True)
class Quirk:
    """One tolerated deviation: what it is, and what is made of it.

    `notice` finds it in a payload of one of `actions` that fits the schema.
    """

    name: str
    tolerated: str
    handled: str
    actions: frozenset[str] = frozenset()
    notice: Callable[[Payload], bool] | None = None


def has_odd_timestamp(payload: Payload) -> bool:
    """Whether a timestamp is not written as RFC 3339 with a zone."""
    stamp = payload.get("timestamp")
    if isinstance(stamp, str) and _RFC3339.fullmatch(stamp) is None:
        return True
    values = payload.get("meterValue") or payload.get("transactionData") or ()
    for value in values:
        stamp = value.get("timestamp")
        if stamp is not None and _RFC3339.fullmatch(stamp) is None:
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
    """Whether the vendor or the model, which the standard requires, is blank."""
    names = ("chargePointVendor", "chargePointModel")
    return not all(payload.get(name, "-").strip() for name in names)


def has_unusable_transaction_id(payload: Payload) -> bool:
    """Whether the transaction id is a number that csms never gives."""
    transaction_id = payload.get("transactionId")
    return transaction_id is not None and not 1 <= transaction_id <= MAX_TRANSACTION_ID


def has_negative_number(payload: Payload) -> bool:
    """Whether a register or a connector is below 0."""
    names = ("connectorId", "meterStart", "meterStop")
    return any(payload.get(name, 0) < 0 for name in names)


_METERING = frozenset({"MeterValues", "StopTransaction"})
_TIMED = _METERING | {"StatusNotification", "StartTransaction", "SecurityEventNotification"}

# Repaired by `lenient.py`, in any message that it reads.
UNKNOWN_PROPERTY = Quirk(
    "unknownProperty",
    "a property that the standard does not have",
    "set aside; it is kept in the message log",
)
PROPERTY_CASE = Quirk(
    "propertyCase",
    "a property written in another case, such as `IdTag`",
    "read as the one that is meant, if that is missing",
)
NULL_FIELD = Quirk(
    "nullField",
    "null where a field should be left out",
    "taken as left out",
)
MISSING_FIELD = Quirk(
    "missingField",
    "a field that the standard requires is missing",
    "served without it: the time of receipt, the last known reading or the empty tag stands in",
)
OVERLONG_TEXT = Quirk(
    "overlongText",
    "a text longer than the standard's limit",
    "kept whole up to 500 characters",
)
CUT_TEXT = Quirk(
    "cutText",
    "a text of more than 500 characters",
    "cut",
)
NUMBER_FOR_TEXT = Quirk(
    "numberForText",
    "a number, a truth value or an object where a text is due",
    "kept as its text",
)
UNREADABLE_FIELD = Quirk(
    "unreadableField",
    "a list or an object where a single value is due, or the reverse",
    "taken as left out",
)
UNKNOWN_ENUMERATION = Quirk(
    "unknownEnumeration",
    "a status, reason, error code, measurand, unit, phase, ... that OCPP does not list",
    "kept as it was sent, and flagged",
)
ODD_NUMBER = Quirk(
    "oddNumber",
    'a number as text or with a fraction, such as `"5000"` or `5000.3`, where an integer is due',
    "read as the number; a register is rounded to Wh",
)
UNREADABLE_NUMBER = Quirk(
    "unreadableNumber",
    "something that is no number where an integer is due, or a register or a connector below 0",
    "taken as missing; for a register the last known reading stands in",
    frozenset({"StartTransaction", "StatusNotification", "StopTransaction"}),
    has_negative_number,
)
UNUSABLE_TRANSACTION_ID = Quirk(
    "unusableTransactionId",
    "a transaction id of null, 0, -1, 9223372036854775807, ... that csms never gave",
    "taken as no id known: the transaction is found by its connector, tag, time and register",
    _METERING,
    has_unusable_transaction_id,
)
CONTROL_CHARACTERS = Quirk(
    "controlCharacters",
    "control characters or blanks around an id tag",
    "dropped",
)
OBJECT_FOR_LIST = Quirk(
    "objectForList",
    "a single object where a list of one is due",
    "wrapped in a list",
)
NUMERIC_VALUE = Quirk(
    "numericValue",
    "a number as the `value` of a sample",
    "kept as its text",
)
UNREADABLE_SAMPLE = Quirk(
    "unreadableSample",
    "a sample that is null, no object, or has no value",
    "left out and flagged `unreadableValue`; the samples beside it are stored",
)
EMPTY_LIST = Quirk(
    "emptyList",
    "a meter value list without elements",
    "answered; there is nothing to store",
)
SERIAL_NUMBER_FIELD = Quirk(
    "serialNumberField",
    "the serial as `serialNumber` in BootNotification",
    "used when the standard's two fields are missing",
)
ODD_TIMESTAMP = Quirk(
    "oddTimestamp",
    "an epoch number for a time, or a time without a zone, without seconds, ... or none at all",
    "read as UTC where it can be, else replaced by the time of receipt and flagged",
    _TIMED,
    has_odd_timestamp,
)

# Of the connection itself.
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

# Of the frames, found where they are read (`frames.py`).
NEARLY_JSON = Quirk(
    frames.NEARLY_JSON,
    "control characters in strings, values left empty, commas too many, text behind the end, ...",
    "read all the same; a value that cannot be read is taken for null",
)
LATIN1_TEXT = Quirk(
    frames.LATIN1_TEXT,
    "text that is no UTF-8",
    "read as Latin-1 if it then is a message of OCPP, else the socket is closed with 1007",
)
BINARY_FRAME = Quirk(
    frames.BINARY_FRAME,
    "messages in binary WebSocket frames",
    "read as text; the answer is sent as text",
)
NUMERIC_UNIQUE_ID = Quirk(
    frames.NUMERIC_UNIQUE_ID,
    "a number as the unique id of a message",
    "answered with the same number",
)
ACTION_CASE = Quirk(
    frames.ACTION_CASE,
    "an Action written in another case, such as `stopTransaction`",
    "served as the one that is meant",
)
KEEP_ALIVE_TEXT = Quirk(
    frames.KEEP_ALIVE_TEXT,
    "texts that only keep the connection alive: empty, `ping`, `pong`, a number",
    "taken as a sign of life, not answered; counted once for each connection",
)

PAYLOAD_QUIRKS: tuple[Quirk, ...] = (
    UNKNOWN_PROPERTY,
    PROPERTY_CASE,
    NULL_FIELD,
    MISSING_FIELD,
    OVERLONG_TEXT,
    CUT_TEXT,
    NUMBER_FOR_TEXT,
    UNREADABLE_FIELD,
    UNKNOWN_ENUMERATION,
    ODD_NUMBER,
    UNREADABLE_NUMBER,
    UNUSABLE_TRANSACTION_ID,
    CONTROL_CHARACTERS,
    OBJECT_FOR_LIST,
    NUMERIC_VALUE,
    UNREADABLE_SAMPLE,
    EMPTY_LIST,
    SERIAL_NUMBER_FIELD,
    ODD_TIMESTAMP,
    Quirk(
        "misspelledCelsius",
        "the unit `Celcius`, as the standard's first print has it",
        "stored as `Celsius`",
        _METERING,
        has_misspelled_celsius,
    ),
    Quirk(
        "emptyVendor",
        "a blank vendor or model",
        "stored as unknown",
        frozenset({"BootNotification"}),
        has_empty_vendor,
    ),
)
CONNECTION_QUIRKS: tuple[Quirk, ...] = (
    MISSING_SUBPROTOCOL,
    TRAILING_SLASH,
    ABSOLUTE_TARGET,
    DOUBLED_SLASH,
    IDENTITY_CASE,
    NO_BOOT,
    NO_PONG,
)
FRAME_QUIRKS: tuple[Quirk, ...] = (
    NEARLY_JSON,
    LATIN1_TEXT,
    BINARY_FRAME,
    NUMERIC_UNIQUE_ID,
    ACTION_CASE,
    KEEP_ALIVE_TEXT,
)
QUIRKS: tuple[Quirk, ...] = PAYLOAD_QUIRKS + FRAME_QUIRKS + CONNECTION_QUIRKS


def notice(action: str, payload: Payload) -> list[str]:
    """The quirks of a payload that fits its schema, or was made to."""
    noticing = _noticing(action)
    return [name for name, found in noticing if found(payload)] if noticing else []


@cache
def _noticing(action: str) -> list[tuple[str, Callable[[Payload], bool]]]:
    return [
        (q.name, q.notice) for q in PAYLOAD_QUIRKS if action in q.actions and q.notice is not None
    ]
