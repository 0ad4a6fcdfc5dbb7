"""The session: what becomes of each text, and one outstanding Call at most."""

from __future__ import annotations

import json

import pytest

from csms.ocppj.frames import Call, CallError, CallResult, KeepAlive
from csms.ocppj.session import (
    MAX_UNREADABLE,
    Answered,
    CallOutstanding,
    Ignored,
    Refused,
    Session,
    Unreadable,
)


def test_a_call_and_its_answer() -> None:
    session = Session()
    assert session.start_call("a", "Reset", {"type": "Soft"}) == b'[2,"a","Reset",{"type":"Soft"}]'
    assert session.receive('[3,"a",{"status":"Accepted"}]') == Answered(
        "Reset", CallResult("a", {"status": "Accepted"})
    )
    assert session.outstanding is None


def test_calls_of_both_directions_may_cross() -> None:
    session = Session()
    session.start_call("1", "Reset", {"type": "Soft"})
    assert session.receive('[2,"1","Heartbeat",{}]') == Call("1", "Heartbeat", {})
    assert session.receive('[4,"1","NotSupported","",{}]') == Answered(
        "Reset", CallError("1", "NotSupported", "", {})
    )


def test_a_second_call_has_to_wait() -> None:
    session = Session()
    session.start_call("a", "ClearCache", {})
    with pytest.raises(CallOutstanding):
        session.start_call("b", "ClearCache", {})


def test_a_late_answer_is_dropped() -> None:
    session = Session()
    session.start_call("a", "ClearCache", {})
    session.give_up()
    session.start_call("b", "ClearCache", {})
    assert isinstance(session.receive('[3,"a",{}]'), Ignored)
    assert isinstance(session.receive('[3,"b",{}]'), Answered)
    assert isinstance(session.receive('[3,"b",{}]'), Ignored)


def test_a_broken_call_is_refused_with_its_id() -> None:
    event = Session().receive('[2,"x","Heartbeat"]')
    assert isinstance(event, Refused)
    assert json.loads(event.reply)[:3] == [4, "x", "FormationViolation"]


@pytest.mark.parametrize("text", ['[3,"x","y"]', '[4,"x"]', '[9,"x"]'])
def test_answers_are_never_answered(text: str) -> None:
    assert isinstance(Session().receive(text), Ignored)


@pytest.mark.parametrize(
    "text", ['[3,"a",{"configurationKey":[', b'[3,"a",{"x', '[4,"a","Internal', '[3,"a",{"x" 1}]']
)
def test_an_answer_that_breaks_off_ends_the_call(text: str | bytes) -> None:
    session = Session()
    session.start_call("a", "Reset", {"type": "Soft"})
    event = session.receive(text)
    assert isinstance(event, Answered)
    assert isinstance(event.answer, CallError)
    assert (event.action, event.answer.unique_id) == ("Reset", "a")
    assert event.answer.description.startswith("the answer is not JSON: ")
    assert event.unreadable.startswith("not JSON: ")
    assert session.outstanding is None
    assert isinstance(session.receive(text), Unreadable)


def test_another_broken_answer_leaves_the_call_waiting() -> None:
    session = Session()
    session.start_call("a", "Reset", {"type": "Soft"})
    assert isinstance(session.receive('[3,"b",{"x'), Unreadable)
    assert session.outstanding is not None


def test_a_broken_call_with_a_number_is_refused_with_it() -> None:
    event = Session().receive('[2,17,"Heartbeat",{"x')
    assert isinstance(event, Refused)
    assert json.loads(event.reply)[:3] == [4, 17, "FormationViolation"]


def test_keep_alive_texts_are_never_hopeless() -> None:
    session = Session()
    for _ in range(3 * MAX_UNREADABLE):
        assert session.receive("ping") == KeepAlive()
    event = session.receive("x")
    assert isinstance(event, Unreadable) and not event.hopeless


def test_too_many_unreadable_frames_in_a_row_are_hopeless() -> None:
    session = Session()
    hopeless = []
    for _ in range(MAX_UNREADABLE):
        event = session.receive("x")
        assert isinstance(event, Unreadable)
        hopeless.append(event.hopeless)
    assert hopeless == [False] * (MAX_UNREADABLE - 1) + [True]


def test_one_readable_frame_starts_the_count_again() -> None:
    session = Session()
    for _ in range(MAX_UNREADABLE - 1):
        session.receive("x")
    session.receive('[2,"1","Heartbeat",{}]')
    event = session.receive("x")
    assert isinstance(event, Unreadable) and not event.hopeless
