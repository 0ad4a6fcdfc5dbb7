"""Time as the simulator sees it, so that tests can put their own in its place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol


class Timer(Protocol):
    """A callback that waits for its time."""

    def cancel(self) -> None:
        """Never call it."""


class Clock(Protocol):
    """Tells the time and calls back."""

    def now(self) -> datetime:
        """The time of day, UTC."""

    def time(self) -> float:
        """Seconds since some moment; never goes back."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once, `seconds` from now."""


class RealClock:
    """The clock on the wall."""

    def now(self) -> datetime:
        """The time of day, UTC."""
        return datetime.now(UTC)

    def time(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once, `seconds` from now."""
        return asyncio.get_running_loop().call_later(seconds, callback)


async def wait(clock: Clock, future: asyncio.Future[Any], seconds: float) -> bool:
    """Wait for a future, `seconds` at most; returns whether it is done."""
    if not future.done():
        woken = asyncio.get_running_loop().create_future()

        def wake(_: object = None) -> None:
            if not woken.done():
                woken.set_result(None)

        timer = clock.call_later(seconds, wake)
        future.add_done_callback(wake)
        try:
            await woken
        finally:
            timer.cancel()
            future.remove_done_callback(wake)
    return future.done()


async def sleep(clock: Clock, seconds: float) -> None:
    """Let `seconds` pass."""
    await wait(clock, asyncio.get_running_loop().create_future(), seconds)
