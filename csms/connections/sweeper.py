"""Closes transactions that were left behind by their charge points, when they are stale."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from csms.errors import DatabaseUnavailable
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
        self._pause = min(LONGEST_PAUSE, max(0.1, self._stale_after.total_seconds() / 4))
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start sweeping."""
        if self._stale_after:
            self._task = asyncio.get_running_loop().create_task(self._keep_sweeping())

    async def stop(self) -> None:
        """Stop sweeping."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            try:
                await self._sweep()
            except DatabaseUnavailable as error:
                log.warning("stale_transactions_not_closed", error=str(error))
            except Exception:
                log.exception("stale_transactions_not_closed")

    async def _sweep(self) -> None:
        for transaction in await self._left_behind.close_stale(self._stale_after, self._clock()):
            log.info(
                "stale_transaction_closed",
                transaction=transaction["_id"],
                charge_point=transaction["chargePointId"],
            )
