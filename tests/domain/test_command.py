"""The outcome of a command, also of those that version 0.1.0 recorded."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.command import LOST_IN_0_1_0, failure_of, outcome_of
from csms.errors import (
    CallErrorReceived,
    ChargePointOffline,
    CommandTimeout,
    CsmsError,
    DatabaseUnavailable,
    NotBooted,
)


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [
        (CallErrorReceived("NotSupported", "", {}), "CallError", "callError"),
        (CommandTimeout("late"), "Timeout", "sentNoAnswer"),
        (CommandTimeout("no turn", was_sent=False), "Timeout", "notSent"),
        (ChargePointOffline(), "Offline", "notSent"),
        (NotBooted(), "Offline", "notSent"),
        (DatabaseUnavailable(), "Offline", "notSent"),
    ],
)
def test_how_a_failure_is_recorded(error: CsmsError, status: str, outcome: str) -> None:
    assert failure_of(error) == (status, outcome)


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        ({"status": "Pending"}, None),
        ({"status": "Sent", "outcome": None}, None),
        ({"status": "Answered"}, "answered"),
        ({"status": "CallError"}, "callError"),
        ({"status": "Timeout"}, "sentNoAnswer"),
        ({"status": "Timeout", "outcome": "notSent"}, "notSent"),
        ({"status": "Answered", "outcome": "done"}, "done"),
        ({"status": "Offline", "error": {"message": "Charger not connected"}}, "notSent"),
        ({"status": "Offline", "error": {"message": LOST_IN_0_1_0}}, "sentNoAnswer"),
        ({"status": "Offline", "error": None}, "notSent"),
    ],
)
def test_what_a_record_says(command: dict[str, Any], outcome: str | None) -> None:
    assert outcome_of(command) == outcome
