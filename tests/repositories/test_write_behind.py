"""What is gathered is written in few goes, at once when that is asked for, and all of it."""

from __future__ import annotations

import asyncio

import pytest

from csms.repositories.write_behind import WriteBehind

pytestmark = pytest.mark.gen_test

LONG = 3600.0


class Gathered:
    """Numbers that wait to be written."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.written: list[list[int]] = []
        self.behind = WriteBehind(self.write, LONG)

    def note(self, number: int) -> None:
        self.waiting.append(number)
        self.behind.soon()

    async def write(self) -> None:
        waiting, self.waiting = self.waiting, []
        await asyncio.sleep(0)
        if not self.written:
            # It has come while the first were being written.
            self.note(99)
        self.written.append(waiting)
        if -1 in waiting:
            raise ValueError("a defect")


async def test_it_does_not_wait_for_its_time_when_all_is_to_be_settled() -> None:
    gathered = Gathered()
    for number in range(3):
        gathered.note(number)
    await asyncio.sleep(0)
    assert gathered.written == []
    await gathered.behind.settled()
    assert gathered.written == [[0, 1, 2], [99]]


async def test_a_defect_does_not_end_it() -> None:
    gathered = Gathered()
    gathered.note(-1)
    await gathered.behind.settled()
    gathered.note(1)
    await gathered.behind.settled()
    assert gathered.written == [[-1], [99, 1]]
