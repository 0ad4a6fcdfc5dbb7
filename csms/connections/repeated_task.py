"""A task that does its work again and again, until this node stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from csms.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)


class RepeatedTask:
    """Waits, works, waits again. Work that fails is logged, and tried again after the next wait."""

    def __init__(
        self,
        work: Callable[[], Awaitable[object]],
        pause: float,
        failure: str,
        expected: tuple[type[Exception], ...] = (DatabaseUnavailable,),
    ) -> None:
        """`failure` is logged when the work fails: in a line for expected errors, else traced."""
        self._work = work
        self._failure = failure
        self._expected = expected
        self._is_due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.pause = pause
        """Seconds between the end of the work and its next beginning."""

    def start(self) -> None:
        """Begin, with the wait."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End it, in the middle of the work if need be."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def hurry(self) -> None:
        """End the wait. If it is at work, it works once more without one."""
        self._is_due.set()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.pause):
                    await self._is_due.wait()
            self._is_due.clear()
            try:
                await self._work()
            except self._expected as error:
                log.warning(self._failure, error=str(error))
            except Exception:
                log.exception(self._failure)
