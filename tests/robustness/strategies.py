"""What charge points may send: payloads that fit their schemas, payloads that do not, and junk."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from hypothesis import strategies as st

from csms.actions.routing import find_inbound
from csms.ocppj.frames import Message
from csms.ocppj.schemas import REQUEST_ACTIONS, schema_of
from csms.ocppj.websocket import BadText

SERVED = sorted(find_inbound())

json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=30),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
unique_ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=36)


@cache
def valid_payloads(action: str) -> st.SearchStrategy[dict[str, Any]]:
    """Payloads that the standard's schema of an action lets pass."""
    schema = schema_of(action)
    return _fitting(schema, schema.get("definitions", {}))


def _fitting(schema: Any, definitions: Any) -> st.SearchStrategy[Any]:
    """Values that fit a schema of the few kinds that OCPP has."""
    if "$ref" in schema:
        return _fitting(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            fields = {
                name: _fitting(field, definitions) for name, field in schema["properties"].items()
            }
            required = {name: fields.pop(name) for name in schema.get("required", ())}
            return st.fixed_dictionaries(required, optional=fields)
        case "array":
            return st.lists(_fitting(schema["items"], definitions), min_size=1, max_size=3)
        case "integer":
            return st.integers(0, 2**31)
        case "number":
            return st.integers(0, 1000).map(lambda tenths: tenths / 10)
        case "boolean":
            return st.booleans()
    return st.text(st.characters(codec="utf-8"), max_size=min(schema.get("maxLength", 40), 40))


@st.composite
def spoilt_payloads(draw: st.DrawFn, action: str) -> Any:
    """A valid payload with one of its fields, at any depth, in place of something else."""
    payload = draw(valid_payloads(action))
    holder: Any = payload
    while isinstance(holder, dict | list) and holder:
        places = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        place = draw(st.sampled_from(places))
        if isinstance(holder[place], dict | list) and holder[place] and draw(st.booleans()):
            holder = holder[place]
            continue
        holder[place] = draw(json_values)
        break
    return payload


served_calls = st.sampled_from(SERVED).flatmap(
    lambda action: st.tuples(
        st.just(action), st.one_of(valid_payloads(action), spoilt_payloads(action))
    )
)
any_actions = st.sampled_from(sorted(REQUEST_ACTIONS)) | st.text(max_size=20)
odd_frames = st.one_of(
    json_values,
    st.lists(json_values, max_size=6),
    st.tuples(st.integers(1, 5), unique_ids, any_actions, json_values).map(list),
    st.tuples(st.just(2), st.integers(), any_actions, json_values).map(list),
    st.tuples(st.just(3), unique_ids, json_values).map(list),
    st.tuples(st.just(4), unique_ids, st.text(), st.text(), json_values).map(list),
)
not_json = st.sampled_from(
    ["NaN", "1e999", "[" * 1500, '"\\ud800"', "{", '{"a":1,"a":2}', "9" * 5000]
)
keep_alive_texts = st.sampled_from(["", "\n", "ping", "PONG", "0", "17", '"ping"'])
SPOILERS = [",", ",,", "\x00", "\x10", "\ufeff", "\\", '"', "\\ud800", "]", "}", "é", "0"]


@st.composite
def spoilt_texts(draw: st.DrawFn, text: str) -> str:
    """A text with something put into it, taken out of it, or cut off."""
    place = draw(st.integers(0, len(text)))
    end = draw(st.sampled_from([place, place + 1, len(text)]))
    return text[:place] + draw(st.sampled_from(["", *SPOILERS])) + text[end:]


def encoded(text_and_encoding: tuple[str, str]) -> Message:
    """The message of a text in an encoding that may not be UTF-8."""
    text, encoding = text_and_encoding
    data = text.encode(encoding, "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return BadText(data)


texts = st.one_of(
    odd_frames.map(json.dumps),
    st.tuples(odd_frames.map(json.dumps), not_json).map(lambda pair: pair[0][:-1] + f",{pair[1]}]"),
    st.text(max_size=60),
    keep_alive_texts,
    odd_frames.map(json.dumps).flatmap(spoilt_texts),
)
messages: st.SearchStrategy[Message] = st.one_of(
    texts,
    texts.map(str.encode),
    st.tuples(texts, st.sampled_from(["latin-1", "utf-16"])).map(encoded),
    st.binary(max_size=20),
    st.binary(max_size=20).map(BadText),
)
"""What a charge point may put into a WebSocket message."""
