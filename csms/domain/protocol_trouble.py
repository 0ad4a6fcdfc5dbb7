"""Protocol trouble: where a charge point departs from OCPP so far that an operator should know.

A charge point's record counts it in `protocolTrouble`, one counter for each kind, and for refused
Calls and closes one for each case. A counter is named by its path in that field, such as
`refusedCalls.StopTransaction.TypeConstraintViolation`. Tolerated deviations are counted beside it,
in `quirks`.
"""

from __future__ import annotations

import re

REFUSED_CALLS = "refusedCalls"
UNREADABLE_FRAMES = "unreadableFrames"
"""Messages that could not be read, even leniently, and broken results."""
CLOSES = "closes"
"""Sockets that csms closed of its own accord."""
SKEWED_CLOCK = "skewedClock"
"""Messages with a time that was flagged `clockSkew`."""
LEFT_BEHIND = "leftBehind"
"""Transactions that the charge point forgot."""

LAST_AT = "lastAt"
"""When anything of this was last counted."""


def refused_call(action: str, code: str) -> str:
    """The counter of Calls of an Action that were answered with a CALLERROR of this code.

    `action` is one that OCPP knows, or a word for all others: each makes a counter of its own.
    """
    return f"{REFUSED_CALLS}.{_key(action)}.{_key(code)}"


def closed(reason: str) -> str:
    """The counter of sockets closed for this reason, as the close frame or the log has it."""
    return f"{CLOSES}.{_key(reason)}"


def kind_of(trouble: str) -> str:
    """The kind of a counter: the first part of its path."""
    return trouble.partition(".")[0]


def _key(text: str) -> str:
    # A dot or a dollar sign would mean something to MongoDB.
    return re.sub(r"[^A-Za-z0-9 _-]", "", text)[:60].strip() or "other"
