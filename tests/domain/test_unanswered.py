"""Questions left unanswered: the pauses grow, and end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from csms.domain.unanswered import CONFIGURATION, PAUSES, Unanswered

T0 = datetime(2026, 11, 1, tzinfo=UTC)


def test_the_pauses_grow_and_then_it_is_left_alone() -> None:
    asked, waits = Unanswered(), []
    while not asked.is_left_alone:
        waits.append(asked.seconds_until_next(T0))
        asked = asked.once_more(T0)
    assert waits == [0.0, *(pause.total_seconds() for pause in PAUSES)] == sorted(waits)
    assert asked.next_at is None


def test_a_pause_that_is_over_is_none() -> None:
    asked = Unanswered().once_more(T0)
    assert asked.seconds_until_next(T0 + timedelta(seconds=20)) == 40
    assert asked.seconds_until_next(T0 + timedelta(days=1)) == 0


def test_it_is_kept_in_the_record() -> None:
    asked = Unanswered().once_more(T0).once_more(T0)
    assert Unanswered.read({CONFIGURATION: asked.document()}, CONFIGURATION) == asked
    assert Unanswered.read({CONFIGURATION: None}, CONFIGURATION) == Unanswered()
    assert Unanswered.read({}, CONFIGURATION) == Unanswered()
