"""A command's status and outcome: how far it got, and what a script may conclude from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from csms.errors import CallErrorReceived, CommandTimeout, CsmsError


class CommandStatus(StrEnum):
    """How far a command got."""

    PENDING = "Pending"
    SENT = "Sent"
    ANSWERED = "Answered"
    CALL_ERROR = "CallError"
    TIMEOUT = "Timeout"
    OFFLINE = "Offline"


class Outcome(StrEnum):
    """What became of a command in the end."""

    ANSWERED = "answered"
    """The charge point answered with a CALLRESULT; whether it accepted is in the response."""
    CALL_ERROR = "callError"
    """The charge point answered with a CALLERROR."""
    SENT_NO_ANSWER = "sentNoAnswer"
    """It was sent and may have been carried out: sending it again may do it twice."""
    NOT_SENT = "notSent"
    """The charge point never got it: it may be sent again."""
    DONE = "done"
    """A Reset that was followed by an accepted BootNotification."""


RESET = "Reset"
RESET_SENT_AT = "resetSentAt"
"""The charge point record's field for when it was last sent a Reset."""
RESET_WINDOW = timedelta(minutes=10)
"""How long after a Reset a BootNotification counts as its result."""

NOT_VERIFIED = "notVerified"
"""`error.reason` of a command that was not sent because the connection had not shown who it is."""

LEFT_OUT = (
    "the charge point has filled its share of the commands' records (setting max_records_mb);"
    " only the status of its answer is kept"
)
"""`response.leftOut` of a command whose answer was not recorded whole."""

LOST_IN_0_1_0 = "the connection closed before the charge point answered"
"""How version 0.1.0 records a command, as `Offline`, whose socket closed after it was sent."""


def outcome_of(command: Mapping[str, Any]) -> Outcome | None:
    """The outcome of a recorded command; None while it is open.

    Version 0.1.0 recorded none, so it is read from status and error there.
    """
    if command.get("outcome") is not None:
        return Outcome(command["outcome"])
    if command["status"] == CommandStatus.OFFLINE:
        is_lost = (command.get("error") or {}).get("message") == LOST_IN_0_1_0
        return Outcome.SENT_NO_ANSWER if is_lost else Outcome.NOT_SENT
    return {
        CommandStatus.ANSWERED: Outcome.ANSWERED,
        CommandStatus.CALL_ERROR: Outcome.CALL_ERROR,
        CommandStatus.TIMEOUT: Outcome.SENT_NO_ANSWER,
    }.get(command["status"])


def failure_of(error: CsmsError) -> tuple[CommandStatus, Outcome]:
    """Status and outcome of a command that ended with an error."""
    if isinstance(error, CallErrorReceived):
        return CommandStatus.CALL_ERROR, Outcome.CALL_ERROR
    if isinstance(error, CommandTimeout):
        was_sent = error.was_sent
        return CommandStatus.TIMEOUT, Outcome.SENT_NO_ANSWER if was_sent else Outcome.NOT_SENT
    return CommandStatus.OFFLINE, Outcome.NOT_SENT
