"""OCPP-J frames: text in, `Call`, `CallResult` or `CallError` out, and back (OCPP-J 1.6, 4.2).

A text that is no JSON is read leniently (`lenient_json.py`); so are messages in binary frames and
text that is no UTF-8. What was tolerated is named in the frame's `quirks`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from csms.ocppj import lenient_json
from csms.ocppj.websocket import BadText

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
MAX_UNIQUE_ID = 255
"""The standard says 36; longer ones are seen (a UUID in braces) and do no harm."""

MAX_DESCRIPTION = 255
MAX_CODE, MAX_DESCRIPTION_READ = 100, 1_000
"""Of a CallError that a charge point sends: more than the standard has, and no megabyte."""
FORMATION_VIOLATION = "FormationViolation"
"""The code of a CALLERROR that answers what is no proper Call (4.2.3)."""

# Names of quirks; `quirks.py` declares them.
NEARLY_JSON = "nearlyJson"
LATIN1_TEXT = "latin1Text"
BINARY_FRAME = "binaryFrame"
NUMERIC_UNIQUE_ID = "numericUniqueId"
KEEP_ALIVE_TEXT = "keepAliveText"
ACTION_CASE = "actionCase"

_KEEP_ALIVE = re.compile(
    r"""[ \t\r\n\x00]*+(?:"?(?:ping|pong)"?|[0-9]{1,20})?[ \t\r\n\x00]*+""", re.IGNORECASE
)
_HEAD = re.compile(
    r"[\s\x00\ufeff,]*+\[[\s,]*+([234])\s*+,[\s,]*+"
    r"""(?:"([^"\\\x00-\x1f\ud800-\udfff]{1,255})"|(-?(?:0|[1-9][0-9]{0,17}))(?=[\s,\]]))"""
    r"""(?:\s*+,[\s,]*+"(\w{1,50})")?"""
)

Payload = dict[str, Any]
UniqueId = str | int
"""A text, by the standard. A number is tolerated, and answered with the same number."""

Message = str | bytes | BadText
"""A WebSocket message: of text, binary, or of text that is no UTF-8."""

Quirks = tuple[str, ...]

_PUT_DOWN: Payload = {}


@dataclass(slots=True)
class Call:
    """A request (4.2.1)."""

    unique_id: UniqueId
    action: str
    payload: Payload
    text: str = field(default="", repr=False, compare=False)
    """The frame, if it was read from JSON; empty if it was not read, or read leniently."""
    quirks: Quirks = ()
    """What was tolerated to read it."""

    def put_down(self) -> None:
        """Let the payload go for as long as the Call waits.

        Hundreds of Calls wait for the database at a time, and to keep all their small objects
        until then is measurably slower, most likely because they leave the processor's caches.
        """
        if self.text:
            self.payload = _PUT_DOWN

    def pick_up(self) -> Payload:
        """The payload; if it was put down, it is read again."""
        if self.payload is _PUT_DOWN:
            self.payload = orjson.loads(self.text)[3] or {}
        return self.payload


@dataclass(slots=True)
class CallResult:
    """The answer to a Call that was served (4.2.2)."""

    unique_id: UniqueId
    payload: Payload
    quirks: Quirks = ()


@dataclass(slots=True)
class CallError:
    """The answer to a Call that could not be served (4.2.3)."""

    unique_id: UniqueId
    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)
    quirks: Quirks = ()


@dataclass(slots=True)
class KeepAlive:
    """A text that only shows that its sender is alive: empty, `ping`, `pong`, a number."""


class Head(NamedTuple):
    """How a frame begins; can often be read where the rest cannot."""

    kind: int
    unique_id: UniqueId
    action: str = ""
    """Empty if it cannot be read; of a Call alone."""


class FrameError(Exception):
    """A message that is no frame.

    `head` is set when its beginning can be read. A Call is answered with a CallError
    `FormationViolation` then, and the answer to a Call of ours ends that Call.
    """

    def __init__(self, reason: str, head: Head | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.head = head


Frame = Call | CallResult | CallError | KeepAlive


def parse(message: Message, quirks: Quirks = ()) -> Frame | None:
    """Read one frame; None for a message type that 1.6 does not know, which is to be ignored.

    `quirks` is what was tolerated already to get at a text.

    Raises:
        FrameError: the message is no frame.
    """
    if not isinstance(message, str):
        return _parse_bytes(message)
    text = json_text = message
    try:
        elements = orjson.loads(text)
    except orjson.JSONDecodeError:
        if _KEEP_ALIVE.fullmatch(text):
            return KeepAlive()
        elements = _read_leniently(text, quirks)
        json_text, quirks = "", (*quirks, NEARLY_JSON)
    if not isinstance(elements, list) or not elements:
        if _KEEP_ALIVE.fullmatch(text):
            return KeepAlive()
        raise FrameError("not a JSON array")
    kind = elements[0]
    # JSON's true is no 1, nor is 2.0 the type 2.
    if type(kind) is not int:
        if isinstance(kind, (bool, float)):
            return None
        raise FrameError("the message type is not an integer")
    if kind == CALL:
        return _call(elements, json_text, quirks)
    if kind == CALL_RESULT:
        return _call_result(elements, quirks)
    return _call_error(elements, quirks) if kind == CALL_ERROR else None


def decode(message: Message) -> tuple[str, Quirks]:
    """The text of a message, and what was tolerated to read it."""
    if isinstance(message, str):
        return message, ()
    if isinstance(message, BadText):
        return message.data.decode("latin-1"), (LATIN1_TEXT,)
    try:
        return message.decode(), (BINARY_FRAME,)
    except UnicodeDecodeError:
        return message.decode("latin-1"), (BINARY_FRAME, LATIN1_TEXT)


def _parse_bytes(message: bytes | BadText) -> Frame | None:
    text, quirks = decode(message)
    try:
        frame = parse(text, quirks)
    except FrameError as error:
        if error.head is not None or LATIN1_TEXT not in quirks:
            raise
        raise FrameError(f"neither UTF-8 nor OCPP in Latin-1: {error.reason}") from None
    if frame is None and LATIN1_TEXT in quirks:
        raise FrameError("neither UTF-8 nor OCPP in Latin-1: unknown message type")
    return frame


def _read_leniently(text: str, quirks: Quirks) -> Any:
    try:
        return lenient_json.loads(text)
    except lenient_json.NotJson as error:
        # Bytes that are no UTF-8 are taken for Latin-1 only if they make a whole frame.
        head = None if LATIN1_TEXT in quirks else _head(text)
        raise FrameError(f"not JSON: {error}", head) from None


def _head(text: str) -> Head | None:
    found = _HEAD.match(text)
    if found is None:
        return None
    kind, unique_id, number, action = found.groups()
    return Head(int(kind), int(number) if unique_id is None else unique_id, action or "")


def _unique_id(elements: list[Any]) -> UniqueId:
    unique_id = elements[1] if len(elements) > 1 else None
    if isinstance(unique_id, str) and len(unique_id) <= MAX_UNIQUE_ID:
        return unique_id
    if type(unique_id) is int:
        return unique_id
    raise FrameError("no usable unique id")


def _call(elements: list[Any], text: str, quirks: Quirks) -> Call:
    unique_id = _unique_id(elements)
    if len(elements) != 4:
        raise _bad_call(elements, f"a Call has 4 elements, this has {len(elements)}")
    _, _, action, payload = elements
    if not isinstance(action, str):
        raise _bad_call(elements, "the Action is not a string")
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        raise _bad_call(elements, "the payload is not an object")
    if type(unique_id) is int:
        quirks = (*quirks, NUMERIC_UNIQUE_ID)
    return Call(unique_id, action, payload, text, quirks)


def _bad_call(elements: list[Any], reason: str) -> FrameError:
    action = elements[2] if len(elements) > 2 and isinstance(elements[2], str) else ""
    return FrameError(reason, Head(CALL, elements[1], action))


def _call_result(elements: list[Any], quirks: Quirks) -> CallResult | CallError:
    unique_id = _unique_id(elements)
    payload = elements[2] if len(elements) > 2 else None
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        # It is never answered, but the Call that waits for it must end.
        reason = "the CallResult's payload is no object"
        return CallError(unique_id, FORMATION_VIOLATION, reason, quirks=quirks)
    return CallResult(unique_id, payload, quirks)


def _call_error(elements: list[Any], quirks: Quirks) -> CallError:
    unique_id = _unique_id(elements)
    code, description, details = (elements[2:] + ["", "", {}][len(elements) - 2 :])[:3]
    return CallError(
        unique_id,
        code[:MAX_CODE] if isinstance(code, str) and code else "GenericError",
        description[:MAX_DESCRIPTION_READ] if isinstance(description, str) else "",
        details if isinstance(details, dict) else {},
        quirks,
    )


def encode_call(unique_id: UniqueId, action: str, payload: Payload) -> bytes:
    """The text of a Call, in UTF-8."""
    return orjson.dumps([CALL, unique_id, action, payload])


def encode_result(unique_id: UniqueId, payload: Payload) -> bytes:
    """The text of a CallResult, in UTF-8."""
    return orjson.dumps([CALL_RESULT, unique_id, payload])


def encode_error(
    unique_id: UniqueId, code: str, description: str = "", details: Payload | None = None
) -> bytes:
    """The text of a CallError, in UTF-8; the description is cut at 255 characters (4.2.3)."""
    return orjson.dumps([CALL_ERROR, unique_id, code, description[:MAX_DESCRIPTION], details or {}])
