"""Reads text that is nearly JSON, as some charge points send it, once the strict reading failed.

Tolerated, beyond JSON (RFC 8259):

- control characters inside strings, kept as they are;
- an empty value, `"transactionId":,` or `"reason":}`, read as null;
- commas too many: leading, doubled, trailing;
- words and numbers that JSON does not have, `NaN` or `1e400`, read as null;
- unpaired surrogates and escapes that JSON does not have: the former become U+FFFD, the latter
  stay as they are written;
- a byte order mark, NUL and other control characters between the elements, and anything at all
  behind the closing bracket.

Whatever is valid JSON means the same here as to orjson, and the result can always be encoded by
it. The time is linear in the text's length, which is bounded, as is the nesting. That is why this
is not left to a package: those that repair JSON (json-repair, demjson3, json5, ...) guess what was
meant, read some valid JSON otherwise, recurse, or are quadratic in what a stranger may send.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

MAX_LENGTH = 262_144
"""Characters. OCPP's messages are far shorter."""

MAX_DEPTH = 200
"""Brackets inside each other. orjson encodes no more than 254."""

_BLANK = r"[\x00-\x20\x7f\xa0\ufeff]*+"
_STRING = r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
_WORD = r'[^\x00-\x20\x7f\xa0\ufeff\[\]{},:"]++'
# Possessive throughout: nothing is looked at twice.
_TOKEN = re.compile(rf"{_BLANK}(?:([\[\]{{}},:])|{_STRING}|({_WORD}))", re.DOTALL)
_COLON = re.compile(rf"{_BLANK}:")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPED = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS = {"true": True, "false": False, "null": None}

_List = list[Any]
_Object = dict[str, Any]


class NotJson(Exception):
    """A text that cannot be read even so; says why, and shows nothing of the text."""


def loads(text: str) -> Any:
    """Read a text.

    Raises:
        NotJson: it breaks off, is too long, nested too deep, or its marks make no sense.
    """
    if len(text) > MAX_LENGTH:
        raise NotJson(f"it is longer than {MAX_LENGTH} characters")
    document = _Document()
    # Whether an element may come: at the beginning, and after a comma.
    due = True
    place = 0
    while not document.is_whole:
        token = _TOKEN.match(text, place)
        if token is None:
            raise NotJson("it breaks off")
        mark, string, word = token.groups()
        start, place = place, token.end()
        if mark == ",":
            document.end_element()
            due = True
        elif mark == "]" or mark == "}":
            if not document.close(mark):
                raise _unexpected(mark, start)
            due = False
        elif mark == ":" or not due:
            raise _unexpected(mark or "text", start)
        elif document.needs_name:
            colon = _COLON.match(text, place)
            if string is None or colon is None:
                raise _unexpected(mark or "text", start)
            document.name, place = _unescape(string), colon.end()
        elif mark:
            document.open(mark)
        else:
            document.put(_word(word) if string is None else _unescape(string))
            due = False
    return document.value


class _Document:
    """What has been read so far: the innermost list or object, and those around it."""

    __slots__ = ("name", "value", "is_whole", "_inner", "_outer")

    def __init__(self) -> None:
        self.name: str | None = None
        """Of an object: the name whose value is due."""
        self.value: Any = None
        self.is_whole = False
        self._inner: _List | _Object | None = None
        self._outer: list[_List | _Object | None] = []

    @property
    def needs_name(self) -> bool:
        """Whether the next element of an object has no name yet."""
        return self.name is None and type(self._inner) is dict

    def put(self, value: Any) -> None:
        """Add a value where it is due."""
        inner = self._inner
        if inner is None:
            self.value = value
            self.is_whole = True
        elif self.name is None:
            assert isinstance(inner, list)
            inner.append(value)
        else:
            assert isinstance(inner, dict)
            inner[self.name] = value
            self.name = None

    def end_element(self) -> None:
        """End an element: a name without a value has null."""
        if self.name is not None:
            self.put(None)

    def open(self, mark: str) -> None:
        """Begin a list or an object.

        Raises:
            NotJson: too many are open.
        """
        if len(self._outer) >= MAX_DEPTH:
            raise NotJson(f"it is nested deeper than {MAX_DEPTH} levels")
        inner: _List | _Object = [] if mark == "[" else {}
        if self._inner is None:
            self.value = inner
        else:
            self.put(inner)
        self._outer.append(self._inner)
        self._inner = inner

    def close(self, mark: str) -> bool:
        """End the innermost list or object; False if it is not ended by this mark."""
        if self._inner is None or isinstance(self._inner, dict) is not (mark == "}"):
            return False
        self.end_element()
        self._inner = self._outer.pop()
        self.is_whole = self._inner is None
        return True


def _unexpected(what: str, place: int) -> NotJson:
    return NotJson(f"unexpected {what} near character {place}")


def _word(word: str) -> Any:
    """A number, true or false; null, as is any word that says nothing."""
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    try:
        return orjson.loads(word)
    except orjson.JSONDecodeError:
        return None


def _unescape(string: str) -> str:
    if "\\" in string:
        string = _ESCAPE.sub(_unescaped, string)
    if _SURROGATE.search(string):
        string = string.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return string


def _unescaped(escape: re.Match[str]) -> str:
    code, letter = escape.groups()
    return chr(int(code, 16)) if code else _ESCAPED.get(letter, escape[0])
