"""Frames: text in, frames out, and never anything else than a frame or a FrameError."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.ocppj.frames import (
    Call,
    CallError,
    CallResult,
    FrameError,
    encode_call,
    encode_error,
    encode_result,
    parse,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_a_call() -> None:
    assert parse('[2,"7","Heartbeat",{}]') == Call("7", "Heartbeat", {})


@pytest.mark.parametrize("payload", ["null", "{}"])
def test_null_and_the_empty_object_are_empty_payloads(payload: str) -> None:
    assert parse(f'[2,"7","Heartbeat",{payload}]') == Call("7", "Heartbeat", {})
    assert parse(f'[3,"7",{payload}]') == CallResult("7", {})


@pytest.mark.parametrize("payload", ['{"a": [1]}', "{}", "null"])
def test_a_payload_that_was_put_down_is_read_again(payload: str) -> None:
    call = parse(f'[2,"7","DataTransfer",{payload}]')
    assert isinstance(call, Call)
    before = call.payload
    call.put_down()
    assert call.payload == {}
    assert call.pick_up() == call.payload == before


def test_a_call_that_was_not_read_keeps_its_payload() -> None:
    call = Call("7", "DataTransfer", {"a": 1})
    call.put_down()
    assert call.pick_up() == {"a": 1}


def test_answers() -> None:
    assert parse('[3,"7",{"a":1}]') == CallResult("7", {"a": 1})
    assert parse('[4,"7","NotImplemented","no",{"a":1}]') == CallError(
        "7", "NotImplemented", "no", {"a": 1}
    )


@pytest.mark.parametrize("text", ['[4,"7"]', '[4,"7",5,null,[]]', '[4,"7","","",{},"more"]'])
def test_a_sloppy_call_error_still_is_one(text: str) -> None:
    assert parse(text) == CallError("7", "GenericError", "", {})


def test_a_call_result_without_an_object_is_an_error_for_who_waits() -> None:
    frame = parse('[3,"7","Accepted"]')
    assert isinstance(frame, CallError) and frame.code == "FormationViolation"


@pytest.mark.parametrize("text", ['[5,"7"]', "[9]", '[true,"7","A",{}]', '[2.0,"7","A",{}]'])
def test_unknown_message_types_are_ignored(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "{}", "[]", "5", '["2","7","A",{}]', '[2,7,"A",{}]', "[2]", "[3]",
        '[2,"' + "7" * 256 + '","A",{}]', "[" * 100_000, '[2,"\\ud800","A",{}]', b"[]",
    ],
)  # fmt: skip
def test_what_cannot_be_answered(text: str | bytes) -> None:
    with pytest.raises(FrameError) as error:
        parse(text)
    assert error.value.unique_id is None


@pytest.mark.parametrize(
    "text",
    [
        '[2,"7"]', '[2,"7","A"]', '[2,"7","A",{},1]', '[2,"7",5,{}]', '[2,"7","A",[]]',
        '[2,"7","A","x"]', '[2,"7","A",{"a":NaN}]', '[2,"7","A",{"a":1e400}]',
        '[2,"7","A",{"a":"\\ud800"}]', '[2,"7","A",' + "[" * 100_000,
        '[2,"7","A",{"a":' + "9" * 5000 + "}]", ' [ 2 , "7" , "A", {"cut',
    ],
)  # fmt: skip
def test_a_broken_call_is_known_by_its_id(text: str) -> None:
    with pytest.raises(FrameError) as error:
        parse(text)
    assert error.value.unique_id == "7"


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_nothing_but_frame_errors_is_raised(text: str | bytes) -> None:
    try:
        frame = parse(text)
    except FrameError:
        return
    assert frame is None or isinstance(frame, Call | CallResult | CallError)


IDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=36)
PAYLOADS = st.dictionaries(IDS, st.text(st.characters(exclude_categories=["Cs"])) | st.booleans())


@given(IDS, IDS, PAYLOADS)
def test_what_is_encoded_is_read_back(unique_id: str, action: str, payload: dict[str, str]) -> None:
    assert parse(encode_call(unique_id, action, payload).decode()) == Call(
        unique_id, action, payload
    )
    assert parse(encode_result(unique_id, payload).decode()) == CallResult(unique_id, payload)
    encoded = encode_error(unique_id, action or "GenericError", action, payload).decode()
    assert parse(encoded) == CallError(unique_id, action or "GenericError", action, payload)


def test_no_spaces_are_sent_and_descriptions_are_cut() -> None:
    assert encode_call("1", "Reset", {"type": "Soft"}) == b'[2,"1","Reset",{"type":"Soft"}]'
    assert len(json.loads(encode_error("1", "GenericError", "x" * 300))[3]) == 255
