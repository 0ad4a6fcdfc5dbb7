"""Nearly JSON: what is tolerated, and that valid JSON is read as orjson reads it."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csms.ocppj.lenient_json import MAX_DEPTH, MAX_LENGTH, NotJson, loads


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('["a\x00\x10\n\x1f"]', ["a\x00\x10\n\x1f"]),
        ('{"transactionId":,"a":1}', {"transactionId": None, "a": 1}),
        ('{"a":1,"b":}', {"a": 1, "b": None}),
        ('{"a": }', {"a": None}),
        ("[,1]", [1]),
        ("[1,,2]", [1, 2]),
        ("[1,2,]", [1, 2]),
        ('{,"a":1,,"b":2,}', {"a": 1, "b": 2}),
        ("[,]", []),
        (",[1]", [1]),
        ("\ufeff[1]", [1]),
        ("[1]\x00\x00", [1]),
        ("\x00[1\x00,\x1f2]", [1, 2]),
        ('{"a":1}garbage"]}', {"a": 1}),
        ("[1]]", [1]),
        ("[1][2]", [1]),
        ('["\\ud800","\\udc00x","\ud800"]', ["\ufffd", "\ufffdx", "\ufffd"]),
        ('["\\ud83d\\ude00"]', ["😀"]),
        ('{"\\ud800":1}', {"\ufffd": 1}),
        ('["\\q\\u12"]', ["\\q\\u12"]),
        ("[NaN,-Infinity,1e400,Accepted,+5,01,.5,-]", [None] * 8),
        ("[True,FALSE,Null]", [True, False, None]),
        ('{"a":1,"a":2,"a":}', {"a": None}),
    ],
)
def test_what_is_tolerated(text: str, value: Any) -> None:
    assert loads(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "", "[", '["a', '["a\\', '{"a', '{"a"', '{"a":', '{"a":1', "[1}", '{"a":1]', "]", ":",
        "[:]", "[1 2]", '{"a" 1}', '{"a":1 "b":2}', '{"a"}', "{1:2}", "{a:1}", "{[]:1}",
        '{"a":"b" c"}', '{"a"::1}', "[" * 100_000, '{"a":' * 100_000, " " * (MAX_LENGTH + 1),
    ],
)  # fmt: skip
def test_what_is_not(text: str) -> None:
    with pytest.raises(NotJson):
        loads(text)


def test_nesting_is_bounded() -> None:
    deep = loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert orjson.dumps([2, "", "", deep]) is not None
    with pytest.raises(NotJson, match="deep"):
        loads("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


def test_integers_are_read_as_orjson_reads_them() -> None:
    for number in (2**63, -(2**63), 2**64 - 1, 2**64, -(2**63) - 1, 10**30):
        [value] = loads(f"[{number},]")
        assert (value, type(value)) == (orjson.loads(str(number)), type(orjson.loads(str(number))))
    assert loads(f"[{'9' * 5000},]") == [None]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
SPACE = st.sampled_from([None, 1, "\t"])


@given(JSON, SPACE, st.booleans())
def test_valid_json_is_read_as_orjson_reads_it(value: Any, indent: Any, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert same(loads(text), orjson.loads(text))


# Pieces of JSON in any order: many of these are valid, more are nearly.
PIECES = st.lists(
    st.sampled_from(
        ["[", "]", "{", "}", ",", ":", '"', '"a"', '"a":', "1", "-", "0", ".5", "e9", "null",
         "true", "\\", "\\u", "\\ud800", "\ud800", "é", " ", "\n", "\x00", "\ufeff", "x"]
    )
).map("".join)  # fmt: skip


@given(st.text(st.characters()) | PIECES)
@example("-0")
@example("[-0.0]")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        value = loads(text)
    except NotJson as error:
        value = error
    else:
        orjson.dumps(value)
    try:
        strict = orjson.loads(text)
    except orjson.JSONDecodeError:
        return
    assert same(value, strict)


@given(JSON, st.data())
def test_a_comma_too_many_changes_nothing(value: Any, data: st.DataObject) -> None:
    text = json.dumps([value], separators=(" , ", " : "))
    places = [n for n, mark in enumerate(text) if mark in "[{," and not in_string(text, n)]
    place = data.draw(st.sampled_from(places)) + 1
    assert same(loads(text[:place] + "," + text[place:]), orjson.loads(text))


def in_string(text: str, place: int) -> bool:
    """Whether a character of valid JSON is part of a string."""
    inside = escaped = False
    for character in text[:place]:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            inside = not inside
    return inside


def same(one: Any, other: Any) -> bool:
    """Equal, in kind too: 1 is neither 1.0 nor true, and 0.0 is not -0.0."""
    return repr(one) == repr(other)
