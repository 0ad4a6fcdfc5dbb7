"""The messages of one charge point that cannot be read: counted, logged and kept for operators."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from csms.domain.protocol_trouble import UNREADABLE_FRAMES, refused_call
from csms.ocppj.frames import FORMATION_VIOLATION, Head, Message, decode
from csms.ocppj.schemas import action_label

if TYPE_CHECKING:
    from csms.connections.connection import Connection

KEPT_PER_MINUTE = 5
"""Of one connection: a flood of garbage must not push everything else out of the capped log."""

MINUTE = 60.0

REFUSED = "refused"
"""The kind of those that were answered with a CALLERROR, because they begin as a Call does."""


class UnreadableMessages:
    """Notes each; the first few of a minute with their text."""

    __slots__ = ("_connection", "_clock", "_minute_began", "_kept")

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self._connection = connection
        self._clock = clock
        self._minute_began = float("-inf")
        self._kept = 0

    def note(self, kind: str, message: Message, head: Head | None, reason: str) -> None:
        """Note one. `kind` says what became of it, `head` is what can be read of it."""
        connection = self._connection
        deps = connection.node.deps
        deps.metrics.bad_frames.labels(kind).inc()
        if connection.is_known:
            deps.note_trouble(connection.hold, _trouble(kind, head))
        if not self._may_keep():
            return
        connection.log.warning("bad_frame", kind=kind, reason=reason)
        if connection.is_known:
            connection.node.messages.unreadable(connection, decode(message)[0], head, reason)

    def _may_keep(self) -> bool:
        now = self._clock()
        if now - self._minute_began >= MINUTE:
            self._minute_began, self._kept = now, 0
        self._kept += 1
        return self._kept <= KEPT_PER_MINUTE


def _trouble(kind: str, head: Head | None) -> str:
    if kind == REFUSED and head is not None:
        return refused_call(action_label(head.action), FORMATION_VIOLATION)
    return UNREADABLE_FRAMES
