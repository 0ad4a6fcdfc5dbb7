"""The backlog: who has the most waiting is held back first, and everybody gets a turn."""

from __future__ import annotations

import asyncio

import pytest

from csms.connections.backlog import FINISH_WITHIN, SILENT_FOR, SMALL, Backlog, Share

pytestmark = pytest.mark.gen_test

MOST = 1_000_000


class Reader:
    """Reads a message of a size in parts."""

    def __init__(self, backlog: Backlog, size: int) -> None:
        self.share = Share(backlog)
        self.size = size
        self.is_reading = False
        self.gave_way = False
        self.is_paused = False

    def read_on(self) -> bool:
        self.is_reading = self.share.backlog.may_finish(self, self.share, self.size)
        return self.is_reading

    def give_way(self) -> bool:
        if not self.is_paused:
            self.gave_way = True
            self.end()
        return not self.is_paused

    def begin(self, first_part: int = 65_536) -> bool:
        """Begin; False if it was not even parked."""
        return self.read_on() or self.share.backlog.park(self, first_part)

    def end(self) -> None:
        self.share.backlog.finished(self)
        if self.is_reading:
            self.is_reading = False
            self.share.remove(self.size)


def backlog() -> tuple[Backlog, list[float]]:
    now = [100.0]
    return Backlog(MOST, lambda: None, lambda: now[0]), now


async def test_large_messages_leave_room_for_smaller_ones() -> None:
    common, _ = backlog()
    large = [Reader(common, 200_000) for _ in range(10)]
    for reader in large:
        reader.begin()
    assert 1 <= sum(reader.is_reading for reader in large) < 5
    small = Reader(common, 50_000)
    small.begin()
    assert small.is_reading
    assert common.size <= MOST


async def test_who_waits_reads_on_when_there_is_room() -> None:
    common, _ = backlog()
    first, second, third = (Reader(common, 600_000) for _ in range(3))
    for reader in (first, second, third):
        assert reader.begin()
    assert [first.is_reading, second.is_reading, third.is_reading] == [True, False, False]
    first.end()
    assert [second.is_reading, third.is_reading] == [True, False]
    second.end()
    assert third.is_reading
    third.end()
    assert common.size == 0


async def test_one_that_is_larger_than_all_room_is_read_alone() -> None:
    common, _ = backlog()
    huge = Reader(common, 3 * MOST)
    huge.begin()
    assert huge.is_reading


async def test_first_parts_are_kept_up_to_a_bound() -> None:
    common, _ = backlog()
    readers = [Reader(common, 600_000) for _ in range(20)]
    begun = [reader.begin() for reader in readers]
    assert begun.count(True) == 1 + MOST // 2 // 65_536
    assert not begun[-1]


async def test_who_stops_sending_gives_way() -> None:
    common, now = backlog()
    silent, waiting = Reader(common, 600_000), Reader(common, 600_000)
    silent.begin()
    now[0] += SILENT_FOR + 1
    common._look()
    assert not silent.gave_way, "nobody waits for its room"
    waiting.begin()
    common._look()
    assert silent.gave_way and waiting.is_reading
    # One that sends little by little has longer, and not for ever.
    last = Reader(common, 600_000)
    last.begin()
    for _ in range(int(FINISH_WITHIN)):
        now[0] += 1
        common.progressed(waiting)
        assert not waiting.gave_way
        common._look()
    assert waiting.gave_way and last.is_reading


async def test_who_is_not_read_does_not_have_to_give_way() -> None:
    common, now = backlog()
    paused, waiting = Reader(common, 600_000), Reader(common, 600_000)
    paused.is_paused = True
    paused.begin()
    waiting.begin()
    now[0] += FINISH_WITHIN + 1
    common._look()
    assert paused.is_reading and not waiting.is_reading


async def test_large_calls_take_turns() -> None:
    common, _ = backlog()
    turns: list[str] = []
    assert common.may_serve(200_000, lambda: turns.append("first"))
    assert not common.may_serve(200_000, lambda: turns.append("second"))
    assert not common.may_serve(200_000, lambda: turns.append("third"))
    common.served(200_000)
    await asyncio.sleep(0)
    assert turns == ["second", "third"]


async def test_a_share_is_too_large_only_beyond_what_is_small() -> None:
    common, _ = backlog()
    greedy, modest = Share(common), Share(common)
    greedy.add(MOST)
    modest.add(SMALL)
    assert greedy.is_too_large and not modest.is_too_large
    greedy.remove(MOST)
    greedy.add(MOST // 4)
    assert not greedy.is_too_large
