"""Whose password is checked next: those that are expected, then the networks in turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from csms.connections import password_queue
from csms.connections.password_queue import PasswordQueue, Whence
from csms.errors import Busy
from csms.passwords import PasswordPool

pytestmark = pytest.mark.gen_test


class Checks:
    """A queue whose one thread stands still until `go` is set."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.done: list[str] = []
        self.pool = PasswordPool("test", 1, 100)
        self.queue = PasswordQueue(self.pool, 1)
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(
        self, name: str, network: str, *, is_expected: bool = False, has_left: bool = False
    ) -> None:
        def check() -> None:
            self.go.wait()
            self.done.append(name)

        whence = Whence(network, is_expected, lambda: has_left)
        self.tasks.append(asyncio.create_task(self.queue.run(whence, check)))
        await asyncio.sleep(0)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Checks]:
    monkeypatch.setattr(password_queue, "AHEAD", 1)
    checks = Checks()
    yield checks
    checks.go.set()
    checks.pool.close()


async def test_a_flood_from_elsewhere_delays_nobody_who_is_expected(checks: Checks) -> None:
    for number in range(20):
        await checks.begin(f"guess {number}", f"10.0.0.{number}")
    await checks.begin("charge point", "192.0.2.1", is_expected=True)
    checks.go.set()
    await asyncio.gather(*checks.tasks)
    assert checks.done[:2] == ["guess 0", "charge point"]


async def test_each_network_has_its_turn(checks: Checks) -> None:
    for number in range(20):
        await checks.begin(f"guess {number}", "10.0.0.1")
    for name in ("one", "other"):
        await checks.begin(name, "192.0.2.1")
    checks.go.set()
    await asyncio.gather(*checks.tasks)
    expected = ["guess 0", "guess 1", "one", "guess 2", "other", "guess 3"]
    assert checks.done[:6] == expected and len(checks.done) == 22


async def test_those_that_leave_give_their_turn_away(checks: Checks) -> None:
    for number in range(4):
        await checks.begin(str(number), "10.0.0.1")
    checks.tasks[1].cancel()
    checks.tasks[2].cancel()
    await asyncio.sleep(0)
    checks.go.set()
    await asyncio.gather(*checks.tasks, return_exceptions=True)
    assert checks.done == ["0", "3"]
    await checks.begin("4", "10.0.0.1")
    await checks.tasks[-1]


async def test_nothing_is_hashed_for_those_that_hang_up(checks: Checks) -> None:
    await checks.begin("first", "10.0.0.1")
    for number in range(5):
        await checks.begin(str(number), "10.0.0.1", has_left=True)
    await checks.begin("last", "10.0.0.1")
    checks.go.set()
    await asyncio.gather(*checks.tasks, return_exceptions=True)
    assert checks.done == ["first", "last"]


async def test_so_many_wait_and_a_flood_takes_no_places_of_the_expected(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(password_queue, "MAX_WAITING", 2)
    for number in range(4):
        await checks.begin(str(number), "10.0.0.1")
    with pytest.raises(Busy):
        await checks.tasks[-1]
    await checks.begin("charge point", "192.0.2.1", is_expected=True)
    checks.go.set()
    await asyncio.gather(*checks.tasks, return_exceptions=True)
    assert checks.done == ["0", "charge point", "1", "2"]
