"""What a charge point sent, kept as it is: bounded, and of types that BSON can hold."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

MAX_CHARACTERS = 100
MAX_TEXT = 500
MAX_TRANSACTION_ID = 2**31 - 1
MAX_REGISTER = 2**53
"""Wh. A register beyond this is garbage."""

Sent = int | float | str | bool | None


def as_sent(value: object) -> Sent:
    """A value as it was sent; long texts are cut, and what is no number or text becomes one."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    text = value if isinstance(value, str) else _written(value)
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode()


def _written(value: object) -> str:
    try:
        return repr(value)
    except RecursionError:
        return f"a {type(value).__name__}, nested too deep"


MAX_DEPTH = 20
MAX_SIZE = 1_048_576
_CUT = "..."


def bounded(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload as it can be stored and shown, whatever a charge point has put into it.

    What is nested too deep or is too much becomes `...`. A name that means something to MongoDB
    gets a `_` in front, and an integer that BSON cannot hold becomes text.
    """
    return _Bounded().object(payload, MAX_DEPTH)


class _Bounded:
    """Makes one copy; `_left` is about how many bytes it may still have."""

    def __init__(self) -> None:
        self._left = MAX_SIZE

    def object(self, value: Mapping[str, Any], depth: int) -> dict[str, Any]:
        copy = {}
        for name, item in value.items():
            self._left -= len(name)
            if self._left <= 0:
                break
            name = name.replace("\0", "\ufffd")
            copy[f"_{name}" if name.startswith("$") else name] = self._value(item, depth - 1)
        return copy

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        copy = []
        for item in value:
            if self._left <= 0:
                copy.append(_CUT)
                break
            copy.append(self._value(item, depth - 1))
        return copy

    def _value(self, value: Any, depth: int) -> Any:
        self._left -= 12
        if isinstance(value, dict | list) and (depth <= 0 or self._left <= 0):
            return _CUT
        if isinstance(value, dict):
            return self.object(value, depth)
        if isinstance(value, list):
            return self._list(value, depth)
        if isinstance(value, str):
            self._left -= len(value)
            return value if len(value) <= MAX_SIZE else value[:MAX_SIZE] + _CUT
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return str(value)
        return value


def status_in(answer: Mapping[str, Any]) -> str:
    """The status in a charge point's answer as text, also where it is no text."""
    return str(as_sent(answer.get("status")))


def text_in(answer: Mapping[str, Any], name: str) -> str | None:
    """A text in a charge point's answer; None if there is none, or it is no text."""
    value = answer.get(name)
    return value[:MAX_TEXT] if isinstance(value, str) else None


def sent_value(payload: Mapping[str, Any], sent: Mapping[str, Any], name: str) -> Sent:
    """A field as it was sent, or as it was read where it was sent under another name."""
    return as_sent(sent[name] if name in sent else payload.get(name))


def differs(sent: Sent, stored: object) -> bool:
    """Whether a field was sent with another value, or in another type, than is stored."""
    return sent is not None and (sent != stored or type(sent) is not type(stored))


def usable_transaction_id(raw: object) -> int | None:
    """A transaction id that may be one of ours; None for the ways to say that none is known."""
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 < raw <= MAX_TRANSACTION_ID:
        return raw
    return None


def usable_register(raw: object) -> int | None:
    """An energy register, Wh; None if it is missing, or says that it is not known, as -1 does."""
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= MAX_REGISTER:
        return raw
    return None


def register_flag(name: str, sent: Sent) -> str:
    """The flag of a register without a usable value, such as `missingMeterStop`.

    `name` is that of the field, with a capital.
    """
    is_none = sent is None or (isinstance(sent, int | float) and sent < 0)
    return f"missing{name}" if is_none else f"unreadable{name}"


def key_part(value: Sent) -> str:
    """A value as a part of a key whose parts are joined by `|`."""
    text = str(value)
    if len(text) <= MAX_CHARACTERS and "|" not in text and "#" not in text:
        return text
    return f"~{blake2b(text.encode(), digest_size=16).hexdigest()}"


def digest(*values: Sent) -> str:
    """A short text that is the same for the same values."""
    return blake2b(orjson.dumps(values), digest_size=16).hexdigest()
