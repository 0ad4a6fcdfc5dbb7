"""Frames and the session: whatever comes, no exception passes, and no rule of the RPC is broken."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from csms.ocppj.frames import Call, CallError, CallResult, FrameError, encode_call, parse
from csms.ocppj.session import Answered, CallOutstanding, Ignored, Refused, Session, Unreadable
from tests.robustness.strategies import json_values, texts, unique_ids

MANY = settings(max_examples=400)


@MANY
@given(texts)
def test_a_text_is_a_frame_or_a_frame_error(text: str | bytes) -> None:
    try:
        frame = parse(text)
    except FrameError as error:
        assert error.reason
    else:
        assert frame is None or isinstance(frame, Call | CallResult | CallError)


@MANY
@given(unique_ids, st.text(max_size=20), st.dictionaries(st.text(max_size=5), st.integers(0, 9)))
def test_what_is_written_is_read_again(unique_id: str, action: str, payload: Any) -> None:
    assert parse(encode_call(unique_id, action, payload).decode()) == Call(
        unique_id, action, payload
    )


@MANY
@given(texts)
def test_a_session_says_what_to_do_with_anything(text: str | bytes) -> None:
    event = Session().receive(text)
    if isinstance(event, Refused):
        kind, unique_id, code, _, details = json.loads(event.reply)
        assert (kind, code, details) == (4, "FormationViolation", {})
        assert isinstance(unique_id, str)
    else:
        assert isinstance(event, Call | Ignored | Unreadable)


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

    @rule(text=texts)
    def noise(self, text: str | bytes) -> None:
        """Anything else leaves what is outstanding as it is."""
        if not isinstance(self.session.receive(text), Answered):
            return
        self.outstanding = None

    @invariant()
    def each_call_is_answered_once(self) -> None:
        """No Call gets two answers."""
        assert len(self.answered) == len(set(self.answered))


Conversation.TestCase.settings = settings(max_examples=60)
TestConversation = Conversation.TestCase
