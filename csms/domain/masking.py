"""Takes secrets out of payloads by the names that stand beside them, in JSON within texts too."""

from __future__ import annotations

import re
from typing import Any

import orjson

from csms.domain.configuration import MASK, is_secret, may_name_secret
from csms.domain.job import mask_location, secrets_of_location
from csms.domain.secret_text import mask_text

MAX_SIZE = 1_048_576
CUT = "..."
MAX_DEPTH = 30
MAX_JSON_IN_TEXT = 4
"""JSON in a text within JSON in a text, and so on."""

_NAMES = frozenset(
    "key name variable parameter param attribute setting property field messageid configurationkey"
    .split()
)  # fmt: skip
"""Properties that say what the value beside them is the value of."""

_HARMLESS = _NAMES | {"vendorid", "readonly", "status", "type", "errorcode"}
_PAIR = re.compile(r"""[={"<]|:\s*+[^\s,;]++\s*+(?:[,;]|\Z)""")
"""A value behind a name. Of words behind a colon, as in `AuthorizationKey: too short`, there are
several."""


def without_named_secrets(value: Any, size: int = MAX_SIZE) -> Any:
    """A payload of any shape without its secrets; what is beyond about `size` characters is cut."""
    return _Masker(size).value(value, MAX_DEPTH)


def shown_text(payload: Any, length: int) -> str:
    """A payload as JSON, its secrets masked, cut to a length."""
    try:
        text = orjson.dumps(payload).decode()
        if "://" in text or "/files/" in text.lower() or may_name_secret(text):
            text = orjson.dumps(without_named_secrets(payload, length)).decode()
    except orjson.JSONEncodeError:
        # orjson reads deeper nesting than it writes.
        return "nested too deep to be shown"
    return text[:length]


def named_secrets(value: Any) -> list[str]:
    """The secrets that a payload holds."""
    masker = _Masker(MAX_SIZE)
    masker.value(value, MAX_DEPTH)
    return masker.taken


class _Masker:
    """Makes one copy; `taken` are the texts that were left out of it."""

    def __init__(self, size: int) -> None:
        self.taken: list[str] = []
        self._left = size
        self._texts = 0

    def value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            self._left -= len(value)
            return self.text(value, depth)
        self._left -= 4
        if isinstance(value, dict | list) and (depth <= 0 or self._left <= 0):
            return CUT
        if isinstance(value, dict):
            return self._object(value, depth - 1)
        if isinstance(value, list):
            return self._list(value, depth - 1)
        return value

    def _object(self, value: dict[str, Any], depth: int) -> dict[str, Any]:
        names_secret = any(
            isinstance(item, str) and name.casefold() in _NAMES and is_secret(item[:100])
            for name, item in value.items()
        )
        copy = {}
        for name, item in value.items():
            self._left -= len(name)
            if self._left <= 0:
                break
            is_beside = names_secret and name.casefold() not in _HARMLESS
            taken = is_beside or is_secret(name[:100])
            copy[name] = self._take(item, depth) if taken else self.value(item, depth)
        return copy

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        copy = []
        for item in value:
            if self._left <= 0:
                copy.append(CUT)
                break
            copy.append(self.value(item, depth))
        return copy

    def _take(self, value: Any, depth: int) -> Any:
        if value is None or value == "" or isinstance(value, bool):
            return value
        if isinstance(value, dict | list):
            items = value.values() if isinstance(value, dict) else value
            for item in items if depth > 0 else ():
                self._take(item, depth - 1)
        else:
            self.taken.append(str(value))
        return MASK

    def text(self, text: str, depth: int) -> str:
        if "://" in text or "/files/" in text.lower():
            self.taken += secrets_of_location(text)
            text = mask_location(text)
        if not may_name_secret(text):
            return text
        if text.lstrip()[:1] in ("{", "["):
            return self._json(text, depth)
        return mask_text(text, MAX_SIZE) if _PAIR.search(text) else text

    def _json(self, text: str, depth: int) -> str:
        self._texts += 1
        try:
            if self._texts > MAX_JSON_IN_TEXT or depth <= 0:
                raise ValueError("nested too deep")
            found = orjson.loads(text)
            return orjson.dumps(self.value(found, depth - 1)).decode()
        except (ValueError, TypeError):
            return mask_text(text, MAX_SIZE)
        finally:
            self._texts -= 1
