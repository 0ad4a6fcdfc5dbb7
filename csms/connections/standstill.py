"""Notices when this process stood still: suspended, frozen, or too busy to look at its sockets.

Meanwhile its charge points may have gone to another node, and what they sent here before lies in
its buffers. Connections look at their records again before they serve any of it.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

BEAT = 0.1
"""Seconds between two beats."""

STILL = 0.5
"""Seconds without a beat after which the process has stood still. A charge point with credentials
may have been let in elsewhere by then."""


class Standstills:
    """Beats, and counts how often that did not happen in time."""

    def __init__(self) -> None:
        self.count = 0
        """How often this process has stood still."""
        self.last_at = float("-inf")
        """When it was last noticed, by the monotonic clock."""
        self._last = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    def beat(self, now: float) -> None:
        """Note that the process runs; `now` is by the monotonic clock."""
        if now - self._last > STILL:
            self.count += 1
            self.last_at = now
        self._last = now

    def start(self) -> None:
        """Start beating."""
        self._last = time.monotonic()
        self._task = asyncio.get_running_loop().create_task(self._keep_beating())

    async def stop(self) -> None:
        """Stop beating."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _keep_beating(self) -> None:
        while True:
            self.beat(time.monotonic())
            await asyncio.sleep(BEAT)
