"""A repeated task goes on after a failure, can be hurried, and ends when it is stopped."""

from __future__ import annotations

import asyncio

import pytest
import structlog.testing

from csms.connections.repeated_task import RepeatedTask
from csms.errors import DatabaseUnavailable

pytestmark = pytest.mark.gen_test

LONG = 3600.0


class Work:
    """Work that fails as it is told to, and tells when it was begun."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.begun = asyncio.Semaphore(0)

    async def __call__(self) -> None:
        self.begun.release()
        if self.failures:
            raise self.failures.pop(0)


async def test_it_goes_on_after_a_failure() -> None:
    work = Work(DatabaseUnavailable("away"), ValueError("a defect"))
    task = RepeatedTask(work, 0.001, "not_done")
    with structlog.testing.capture_logs() as logs:
        task.start()
        for _ in range(3):
            await work.begun.acquire()
        await task.stop()
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("not_done", "warning"),
        ("not_done", "error"),
    ]


async def test_a_hurried_one_does_not_wait() -> None:
    work = Work()
    task = RepeatedTask(work, LONG, "not_done")
    task.start()
    for _ in range(2):
        task.hurry()
        await work.begun.acquire()
    await task.stop()
    assert work.begun.locked()


async def test_one_that_was_never_started_is_stopped() -> None:
    await RepeatedTask(Work(), LONG, "not_done").stop()
