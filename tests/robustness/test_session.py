"""Frames and the session: whatever comes, no exception passes, and no rule of the RPC is broken."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from csms.ocppj.frames import (
    Call,
    CallError,
    CallResult,
    FrameError,
    KeepAlive,
    Message,
    encode_call,
    parse,
)
from csms.ocppj.session import Answered, CallOutstanding, Ignored, Refused, Session, Unreadable
from tests.robustness.strategies import json_values, messages, unique_ids

MANY = settings(max_examples=400)


@MANY
@given(messages)
def test_a_message_is_a_frame_or_a_frame_error(message: Message) -> None:
    try:
        frame = parse(message)
    except FrameError as error:
        assert error.reason
    else:
        assert frame is None or isinstance(frame, Call | CallResult | CallError | KeepAlive)


@MANY
@given(messages)
def test_a_call_that_was_put_down_is_read_again(message: Message) -> None:
    with suppress(FrameError):
        call = parse(message)
        if isinstance(call, Call):
            before = call.payload
            call.put_down()
            assert call.pick_up() == before


@MANY
@given(unique_ids, st.text(max_size=20), st.dictionaries(st.text(max_size=5), st.integers(0, 9)))
def test_what_is_written_is_read_again(unique_id: str, action: str, payload: Any) -> None:
    assert parse(encode_call(unique_id, action, payload).decode()) == Call(
        unique_id, action, payload
    )


@MANY
@given(messages)
def test_a_session_says_what_to_do_with_anything(message: Message) -> None:
    event = Session().receive(message)
    if isinstance(event, Refused):
        kind, unique_id, code, _, details = json.loads(event.reply)
        assert (kind, code, details) == (4, "FormationViolation", {})
        assert isinstance(unique_id, str) or type(unique_id) is int
    else:
        assert isinstance(event, Call | Ignored | KeepAlive | Unreadable)


@MANY
@given(st.data(), json_values)
def test_an_answer_that_breaks_off_ends_its_call(data: st.DataObject, payload: Any) -> None:
    text = json.dumps([3, "a", payload])
    end = data.draw(st.integers(len('[3, "a", '), len(text) - 1))
    session = Session()
    session.start_call("a", "Reset", {"type": "Soft"})
    event = session.receive(text[:end])
    assert isinstance(event, Answered)
    assert isinstance(event.answer, CallError)
    assert session.outstanding is None


class Conversation(RuleBasedStateMachine):
    """Our Calls and their answers, late, doubled, or to nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session()
        self.number = 0
        self.sent: list[str] = []
        self.answered: list[str] = []
        self.outstanding: str | None = None

    @rule()
    def call(self) -> None:
        """Start a Call: only one may be outstanding."""
        self.number += 1
        unique_id = str(self.number)
        try:
            text = self.session.start_call(unique_id, "Reset", {"type": "Soft"})
        except CallOutstanding:
            assert self.outstanding is not None
            return
        assert self.outstanding is None
        assert json.loads(text) == [2, unique_id, "Reset", {"type": "Soft"}]
        self.outstanding = unique_id
        self.sent.append(unique_id)

    @rule()
    def give_up(self) -> None:
        """Stop waiting."""
        self.session.give_up()
        self.outstanding = None

    @rule(back=st.integers(0, 3), kind=st.sampled_from([3, 4]), payload=json_values)
    def answer(self, back: int, kind: int, payload: Any) -> None:
        """Answer one of the last Calls, perhaps again."""
        unique_id = self.sent[-1 - back] if back < len(self.sent) else "nobody's"
        rest = [payload] if kind == 3 else ["GenericError", "", payload]
        event = self.session.receive(json.dumps([kind, unique_id, *rest]))
        if unique_id == self.outstanding:
            assert isinstance(event, Answered)
            self.answered.append(unique_id)
            self.outstanding = None
        else:
            assert isinstance(event, Ignored)

    @rule(message=messages)
    def noise(self, message: Message) -> None:
        """Anything else leaves what is outstanding as it is."""
        if not isinstance(self.session.receive(message), Answered):
            return
        self.outstanding = None

    @invariant()
    def each_call_is_answered_once(self) -> None:
        """No Call gets two answers."""
        assert len(self.answered) == len(set(self.answered))


Conversation.TestCase.settings = settings(max_examples=60)
TestConversation = Conversation.TestCase
