"""Closes transactions that were left behind by their charge points, when they are stale."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from csms.connections.repeated_task import RepeatedTask
from csms.repositories.left_behind import LeftBehind

log = structlog.get_logger(__name__)

LONGEST_PAUSE = 60.0
"""Seconds between two looks; shorter where transactions are stale sooner."""


class Sweeper:
    """One task of this node. Every node has one; they do no harm to each other."""

    def __init__(
        self, left_behind: LeftBehind, stale_hours: float, clock: Callable[[], datetime]
    ) -> None:
        """`stale_hours` is how long a transaction may have no reading; 0 closes none."""
        self._left_behind = left_behind
        self._stale_after = timedelta(hours=stale_hours)
        self._clock = clock
        pause = min(LONGEST_PAUSE, max(0.1, self._stale_after.total_seconds() / 4))
        self._task = RepeatedTask(self._sweep, pause, "stale_transactions_not_closed")

    def start(self) -> None:
        """Start sweeping."""
        if self._stale_after:
            self._task.start()

    async def stop(self) -> None:
        """Stop sweeping."""
        await self._task.stop()

    async def _sweep(self) -> None:
        for transaction in await self._left_behind.close_stale(self._stale_after, self._clock()):
            log.info(
                "stale_transaction_closed",
                transaction=transaction["_id"],
                charge_point=transaction["chargePointId"],
            )
