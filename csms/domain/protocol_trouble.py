"""Protocol trouble: where a charge point departs from OCPP so far that an operator should know.

A charge point's record counts it in `protocolTrouble`, one counter for each kind, and for refused
Calls and closes one for each case. A counter is named by its path in that field, such as
`refusedCalls.StopTransaction.TypeConstraintViolation`. Tolerated deviations are counted beside it,
in `quirks`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

REFUSED_CALLS = "refusedCalls"
UNREADABLE_FRAMES = "unreadableFrames"
"""Messages that could not be read, even leniently, nor answered; and broken results."""
CLOSES = "closes"
"""Sockets that csms closed of its own accord."""
SKEWED_CLOCK = "skewedClock"
"""Messages with a time that was flagged `clockSkew`."""
LEFT_BEHIND = "leftBehind"
"""Transactions that the charge point forgot."""

LAST_AT = "lastAt"
"""When anything of this, or a quirk that is trouble, was last counted."""

OCPP201_SHAPED = "ocpp201Shaped"
"""The reason of a BootNotification that was refused because it is OCPP 2.0.1's."""

HARMLESS_QUIRKS = frozenset({"noBootAfterReconnect"})
"""Quirks that are legal (OCPP-J 1.6, 5.4): alone they are no trouble."""


class RefusedCalls(BaseModel):
    """Calls of one Action that were answered with a CALLERROR."""

    action: str
    reason: str = Field(description="the code of the CALLERROR, or a word for what was wrong")
    count: int


class Closes(BaseModel):
    """Sockets that csms closed of its own accord."""

    reason: str
    count: int


class ProtocolTrouble(BaseModel):
    """Where a charge point departs from OCPP, and how often."""

    refusedCalls: list[RefusedCalls] = Field([], description="the most frequent first")
    unreadableFrames: int = Field(0, description="messages that could not be read")
    closes: list[Closes] = Field([], description="connections that csms closed")
    skewedClock: int = Field(0, description="messages whose time was flagged `clockSkew`")
    leftBehind: int = Field(0, description="transactions that it forgot to stop")
    quirks: dict[str, int] = Field({}, description="tolerated deviations, and how often")
    lastAt: datetime | None = Field(None, description="when any of it was last counted")


def trouble_of(record: Mapping[str, Any]) -> ProtocolTrouble:
    """The summary of a charge point's record."""
    counted: Mapping[str, Any] = record.get("protocolTrouble") or {}
    refused = [
        RefusedCalls(action=action, reason=reason, count=count)
        for action, reasons in (counted.get(REFUSED_CALLS) or {}).items()
        for reason, count in reasons.items()
    ]
    closes = [
        Closes(reason=reason, count=count) for reason, count in (counted.get(CLOSES) or {}).items()
    ]
    return ProtocolTrouble(
        refusedCalls=sorted(refused, key=lambda one: (-one.count, one.action, one.reason)),
        unreadableFrames=counted.get(UNREADABLE_FRAMES) or 0,
        closes=sorted(closes, key=lambda one: (-one.count, one.reason)),
        skewedClock=counted.get(SKEWED_CLOCK) or 0,
        leftBehind=counted.get(LEFT_BEHIND) or 0,
        quirks=record.get("quirks") or {},
        lastAt=counted.get(LAST_AT),
    )


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
