"""What is gathered for a moment, and written in one go, because it may come in floods."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

log = structlog.get_logger(__name__)


class WriteBehind:
    """Has what was gathered written: some time after the first of it has come."""

    def __init__(self, write: Callable[[], Awaitable[None]], gathered_for: float) -> None:
        """`write` writes all that was gathered; `gathered_for` counts seconds."""
        self._write = write
        self._gathered_for = gathered_for
        self._has_more = False
        self._is_hurried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def soon(self) -> None:
        """Have it written, for there is something new."""
        self._has_more = True
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def settled(self) -> None:
        """Have it written at once; returns when it is, or could not be."""
        if self._task is not None:
            self._is_hurried.set()
            await self._task

    async def _run(self) -> None:
        try:
            while self._has_more:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._gathered_for):
                        await self._is_hurried.wait()
                self._has_more = False
                await self._write()
        except Exception:
            log.exception("not_written")
        finally:
            self._is_hurried.clear()
            self._task = None
