"""OCPP-J frames: text in, `Call`, `CallResult` or `CallError` out, and back (OCPP-J 1.6, 4.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import orjson

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
MAX_UNIQUE_ID = 255
"""The standard says 36; longer ones are seen (a UUID in braces) and do no harm."""

MAX_DESCRIPTION = 255

_CALL_ID = re.compile(r'\s*\[\s*2\s*,\s*"([^"\\\x00-\x1f]{1,255})"')

Payload = dict[str, Any]

_PUT_DOWN: Payload = {}


@dataclass(slots=True)
class Call:
    """A request (4.2.1)."""

    unique_id: str
    action: str
    payload: Payload
    text: str = field(default="", repr=False, compare=False)
    """The frame that it was read from; empty if it was not read."""

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

    unique_id: str
    payload: Payload


@dataclass(slots=True)
class CallError:
    """The answer to a Call that could not be served (4.2.3)."""

    unique_id: str
    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)


class FrameError(Exception):
    """A text that is no frame.

    `unique_id` is set when it was meant as a Call and its id can be read: then it is answered
    with a CallError `FormationViolation`. Otherwise there is nobody to answer.
    """

    def __init__(self, reason: str, unique_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unique_id = unique_id


def parse(text: str | bytes) -> Call | CallResult | CallError | None:
    """Read one frame; None for a message type that 1.6 does not know, which is to be ignored.

    Raises:
        FrameError: the text is no frame.
    """
    if not isinstance(text, str):
        raise FrameError("binary frame; OCPP-J is sent as text")
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        id_of_call = _CALL_ID.match(text)
        raise FrameError(f"not JSON: {error.msg}", id_of_call and id_of_call[1]) from None
    if not isinstance(frame, list) or not frame:
        raise FrameError("not a JSON array")
    kind = frame[0]
    # JSON's true is no 1, nor is 2.0 the type 2.
    if type(kind) is not int:
        if isinstance(kind, (bool, float)):
            return None
        raise FrameError("the message type is not an integer")
    if kind == CALL:
        return _call(frame, text)
    if kind == CALL_RESULT:
        return _call_result(frame)
    return _call_error(frame) if kind == CALL_ERROR else None


def _unique_id(frame: list[Any]) -> str:
    if len(frame) < 2 or not isinstance(frame[1], str) or len(frame[1]) > MAX_UNIQUE_ID:
        raise FrameError("no usable unique id")
    return frame[1]


def _call(frame: list[Any], text: str) -> Call:
    unique_id = _unique_id(frame)
    if len(frame) != 4:
        raise FrameError(f"a Call has 4 elements, this has {len(frame)}", unique_id)
    _, _, action, payload = frame
    if not isinstance(action, str):
        raise FrameError("the Action is not a string", unique_id)
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        raise FrameError("the payload is not an object", unique_id)
    return Call(unique_id, action, payload, text)


def _call_result(frame: list[Any]) -> CallResult | CallError:
    unique_id = _unique_id(frame)
    payload = frame[2] if len(frame) > 2 else None
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        # Never answered, but whoever waits for it must hear something definite.
        return CallError(unique_id, "FormationViolation", "the CallResult's payload is no object")
    return CallResult(unique_id, payload)


def _call_error(frame: list[Any]) -> CallError:
    unique_id = _unique_id(frame)
    code, description, details = (frame[2:] + ["", "", {}][len(frame) - 2 :])[:3]
    return CallError(
        unique_id,
        code if isinstance(code, str) and code else "GenericError",
        description if isinstance(description, str) else "",
        details if isinstance(details, dict) else {},
    )


def encode_call(unique_id: str, action: str, payload: Payload) -> bytes:
    """The text of a Call, in UTF-8."""
    return orjson.dumps([CALL, unique_id, action, payload])


def encode_result(unique_id: str, payload: Payload) -> bytes:
    """The text of a CallResult, in UTF-8."""
    return orjson.dumps([CALL_RESULT, unique_id, payload])


def encode_error(
    unique_id: str, code: str, description: str = "", details: Payload | None = None
) -> bytes:
    """The text of a CallError, in UTF-8; the description is cut at 255 characters (4.2.3)."""
    return orjson.dumps([CALL_ERROR, unique_id, code, description[:MAX_DESCRIPTION], details or {}])
