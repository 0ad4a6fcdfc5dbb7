"""Watches over the sockets of this node: who is silent is pinged, who stays silent is dropped."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from csms.connections.registry import Registry

LOOKS_PER_INTERVAL = 4


class Watch:
    """One task for all sockets."""

    def __init__(self, registry: Registry, interval: float) -> None:
        """`interval` is how long a socket may be silent before it is pinged, seconds; 0: ever."""
        self._registry = registry
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start watching."""
        if self._interval > 0:
            self._task = asyncio.get_running_loop().create_task(self._keep_looking())

    async def stop(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._interval / LOOKS_PER_INTERVAL)
            self._look(time.monotonic())

    def _look(self, now: float) -> None:
        for connection in self._registry:
            silent = now - connection.last_heard
            if silent >= 2 * self._interval:
                connection.log.info("silent", seconds=round(silent, 1))
                connection.transport.abort()
            elif silent >= self._interval:
                connection.transport.ping()
