"""Frames: text in, frames out, and never anything else than a frame or a FrameError."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.ocppj.frames import (
    BINARY_FRAME,
    LATIN1_TEXT,
    NEARLY_JSON,
    NUMERIC_UNIQUE_ID,
    Call,
    CallError,
    CallResult,
    FrameError,
    Head,
    KeepAlive,
    Message,
    encode_call,
    encode_error,
    encode_result,
    parse,
)
from csms.ocppj.websocket import BadText

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
        "x", "{}", "[]", '["2","7","A",{}]', '[2,7.0,"A",{}]', '[2,true,"A",{}]', "[2]", "[3]",
        "[2,18446744073709551616,1]", '[2,"' + "7" * 256 + '","A",{}]', "[" * 100_000, b"[]",
        '[2,"\ud800","A",{}', b"\xff", BadText(b'[2,"7","A",{"a":"\xe9'), BadText(b"\xa0"),
        BadText(b'[9,"\xe9"]'), BadText(b'"\xe9"'), "1.5", "pings", "5 5",
    ],
)  # fmt: skip
def test_what_cannot_be_answered(text: Message) -> None:
    with pytest.raises(FrameError) as error:
        parse(text)
    assert error.value.head is None


@pytest.mark.parametrize(
    "text", ["", " \r\n", "\x00", "ping", "PONG\n", '"ping"', "5", " 17\n", "007", b"", b"ping"]
)
def test_keep_alive_texts(text: str | bytes) -> None:
    assert parse(text) == KeepAlive()


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ('[2,"7","A",{"a":"x\x10\n"}]', Call("7", "A", {"a": "x\x10\n"}, "", (NEARLY_JSON,))),
        ('[2,"7","A",{"a":,}]', Call("7", "A", {"a": None}, "", (NEARLY_JSON,))),
        ('[2,"7","A",,{"a":[,1,,2,]},]', Call("7", "A", {"a": [1, 2]}, "", (NEARLY_JSON,))),
        ('\ufeff[2,"7","A",{}]\x00\x00x', Call("7", "A", {}, "", (NEARLY_JSON,))),
        ('[2,"7","A",{"a":"\\ud800"}]', Call("7", "A", {"a": "\ufffd"}, "", (NEARLY_JSON,))),
        ('[2,"7","A",{"a":NaN,"b":1e400}]',
         Call("7", "A", {"a": None, "b": None}, "", (NEARLY_JSON,))),
        ('[2,17,"A",{}]', Call(17, "A", {}, "", (NUMERIC_UNIQUE_ID,))),
        ('[2,-17,"A",{},]', Call(-17, "A", {}, "", (NEARLY_JSON, NUMERIC_UNIQUE_ID))),
        ('[2,"ü","A",{}]'.encode(), Call("ü", "A", {}, "", (BINARY_FRAME,))),
        (b'[2,"\xfc","A",{}]', Call("ü", "A", {}, "", (BINARY_FRAME, LATIN1_TEXT))),
        (BadText(b'[2,"\xfc","A",{}]'), Call("ü", "A", {}, "", (LATIN1_TEXT,))),
        (BadText(b'[2,"\xfc","A",{}]\xff'), Call("ü", "A", {}, "", (LATIN1_TEXT, NEARLY_JSON))),
    ],
)  # fmt: skip
def test_what_is_tolerated_is_named(message: Message, call: Call) -> None:
    found = parse(message)
    assert found == call
    assert isinstance(found, Call)
    found.put_down()
    assert found.pick_up() == call.payload


def test_answers_name_it_too() -> None:
    assert parse('[3,"7",{"a":}]') == CallResult("7", {"a": None}, (NEARLY_JSON,))
    assert parse(b'[4,"7","X","",{}]') == CallError("7", "X", "", {}, (BINARY_FRAME,))
    assert parse(b'[3,"7",[]]') == CallError(
        "7", "FormationViolation", "the CallResult's payload is no object", {}, (BINARY_FRAME,)
    )


def test_a_number_is_answered_with_the_same_number() -> None:
    assert encode_result(17, {}) == b"[3,17,{}]"
    assert encode_error(-(2**63), "X") == b'[4,-9223372036854775808,"X","",{}]'


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ('[2,"7","Heartbeat"]', Head(2, "7", "Heartbeat")),
        ('[2,"7","Heartbeat",{"a', Head(2, "7", "Heartbeat")),
        (b'[2,"7","Heartbeat",{"a', Head(2, "7", "Heartbeat")),
        ('\ufeff[,2,17, "Heartbeat', Head(2, 17, "")),
        ('[3,"7",{"a":[', Head(3, "7")),
        ('[4, "7" ,"InternalError', Head(4, "7")),
        ('[2,"7",5,{}]', Head(2, "7")),
    ],
)
def test_the_beginning_of_a_broken_frame_is_read(text: str | bytes, head: Head) -> None:
    with pytest.raises(FrameError) as error:
        parse(text)
    assert error.value.head == head


@pytest.mark.parametrize(
    "text",
    [
        '[2,"7"]', '[2,"7","A"]', '[2,"7","A",{},1]', '[2,"7",5,{}]', '[2,"7","A",[]]',
        '[2,"7","A","x"]', '[2,"7","A",{"a" NaN}]', '[2,"7","A",{"a":{1e400}}]',
        '[2,"7","A",{"a":"\\ud800}]', '[2,"7","A",' + "[" * 100_000,
        '[2,"7","A",{"a":' + "9" * 300_000 + "}]", ' [ 2 , "7" , "A", {"cut',
    ],
)  # fmt: skip
def test_a_broken_call_is_known_by_its_id(text: str) -> None:
    with pytest.raises(FrameError) as error:
        parse(text)
    assert error.value.head is not None
    assert error.value.head[:2] == (2, "7")


@given(st.text() | st.binary() | st.binary().map(BadText) | JSON.map(json.dumps))
def test_nothing_but_frame_errors_is_raised(message: Message) -> None:
    try:
        frame = parse(message)
    except FrameError:
        return
    assert frame is None or isinstance(frame, Call | CallResult | CallError | KeepAlive)


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


def test_of_a_huge_error_of_a_charge_point_the_beginning_is_read() -> None:
    frame = parse(f'[4,"7","{"C" * 400_000}","{"D" * 400_000}",{{}}]')
    assert isinstance(frame, CallError)
    assert (frame.code, frame.description) == ("C" * 100, "D" * 1_000)
