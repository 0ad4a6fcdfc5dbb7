"""How many alarms are open, for `/metrics`: counted by the database, and kept for some seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from csms.domain.alarm import AlarmKind
from csms.errors import CsmsError
from csms.metrics import Metrics
from csms.repositories.alarm_records import AlarmRecords

log = structlog.get_logger(__name__)

KEPT_SECONDS = 2.0
WAITS_SECONDS = 1.0
"""How long an answer waits for the database; without it, the figures are those of before."""


class OpenAlarms:
    """Keeps the gauge up to date, however often and by whomever it is read."""

    def __init__(
        self,
        records: AlarmRecords,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records = records
        self._gauge = metrics.open_alarms
        self._clock = clock
        self._count: asyncio.Task[None] | None = None
        self._due_at = clock()

    async def refresh(self) -> None:
        """Count again, if that was not done just now."""
        if self._count is None and self._clock() >= self._due_at:
            self._count = asyncio.get_running_loop().create_task(self._refresh())
        if self._count is not None:
            await asyncio.wait([self._count], timeout=WAITS_SECONDS)

    async def stop(self) -> None:
        """End a count that is under way."""
        if self._count is not None:
            self._count.cancel()
            await asyncio.wait([self._count])

    async def _refresh(self) -> None:
        try:
            counts = await self._records.count_open()
            for kind in AlarmKind:
                self._gauge.labels(kind.value).set(counts.get(kind.value, 0))
        except CsmsError as error:
            log.warning("alarms_not_counted", error=str(error))
        finally:
            self._due_at = self._clock() + KEPT_SECONDS
            self._count = None
