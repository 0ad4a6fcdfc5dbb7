"""Compares this node's clock with the database's, and says so when they differ.

Nothing between nodes goes by their clocks, nor which of two statuses is the newer. What is stored
does: when something was received, and the time that charge points are told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from csms.domain.alarm import Alarm, AlarmKind
from csms.repositories.alarms import Alarms
from csms.repositories.nodes import Nodes

log = structlog.get_logger(__name__)

MAX_OFFSET = 2.0
"""Seconds that a clock may be off."""

MAX_ROUND_TRIP = 1.0
"""Seconds; the answer to a question that took longer says too little."""

REPEAT_EVERY = 60.0
"""Seconds between two warnings, and between two counts of the alarm."""


class NodeClock:
    """The clock of this node, as it is seen from the database."""

    def __init__(
        self, nodes: Nodes, alarms: Alarms, node_id: str, clock: Callable[[], datetime]
    ) -> None:
        self._nodes = nodes
        self._alarms = alarms
        self._node_id = node_id
        self._clock = clock
        self._warned_at: float | None = None
        self._is_right: bool | None = None
        self.offset: float | None = None
        """How far it is ahead of the database's, seconds; None if that was never found out."""

    async def compare(self) -> None:
        """Find out how far it is off; raise the alarm, or close it.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        began, before = time.monotonic(), self._clock()
        there = await self._nodes.database_time()
        round_trip = time.monotonic() - began
        if round_trip > MAX_ROUND_TRIP:
            return
        # Without the sum, a little less than nothing would be shown as -0.0.
        self.offset = round((before - there).total_seconds() + round_trip / 2, 1) + 0.0
        if abs(self.offset) > MAX_OFFSET:
            self._is_right = False
            self._warn(self.offset)
        elif not self._is_right:
            # One that an earlier process of this node has raised ends here, too.
            self._alarms.close(AlarmKind.NODE_CLOCK, self._node_id)
            if self._is_right is not None:
                log.info("clock_is_right_again", node=self._node_id, offset_seconds=self.offset)
            self._is_right, self._warned_at = True, None

    @property
    def correction(self) -> timedelta:
        """How far it is ahead, where that is more than it may be."""
        offset = self.offset or 0.0
        return timedelta(seconds=offset if abs(offset) > MAX_OFFSET else 0.0)

    def _warn(self, offset: float) -> None:
        now = time.monotonic()
        if self._warned_at is not None and now - self._warned_at < REPEAT_EVERY:
            return
        self._warned_at = now
        log.warning("clock_is_off", node=self._node_id, offset_seconds=offset)
        facts = (("node", self._node_id), ("offsetSeconds", f"{offset:+.1f}"))
        self._alarms.note(Alarm(AlarmKind.NODE_CLOCK, self._node_id, facts=facts))
