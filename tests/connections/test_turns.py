"""Turns: one at a time, the urgent first, none lost when a waiter gives up."""

from __future__ import annotations

import asyncio

import pytest

from csms.connections.turns import Turns

pytestmark = pytest.mark.gen_test


async def waiting(turns: Turns, name: str, done: list[str], *, urgent: bool) -> asyncio.Task[None]:
    """Somebody who waits for a turn, and gives it back at once."""

    async def take() -> None:
        await turns.take(urgent=urgent)
        done.append(name)
        turns.give_back()

    before = turns.waiting
    task = asyncio.ensure_future(take())
    await asyncio.sleep(0)
    assert turns.waiting == before + 1
    return task


async def test_the_urgent_go_first_and_each_kind_in_its_order() -> None:
    turns, done = Turns(), list[str]()
    await turns.take(urgent=False)
    tasks = [
        await waiting(turns, name, done, urgent=name.startswith("u"))
        for name in ("q1", "q2", "u1", "u2")
    ]
    assert (turns.waiting, turns.urgent_waiting) == (4, 2)
    turns.give_back()
    await asyncio.gather(*tasks)
    assert done == ["u1", "u2", "q1", "q2"]
    await turns.take(urgent=True)


@pytest.mark.parametrize("given", [False, True])
async def test_a_turn_is_not_lost_with_a_waiter_that_gives_up(given: bool) -> None:
    turns, done = Turns(), list[str]()
    await turns.take(urgent=True)
    first = await waiting(turns, "first", done, urgent=True)
    second = await waiting(turns, "second", done, urgent=True)
    if given:
        # The turn is the first one's in the very moment in which it gives up.
        turns.give_back()
        first.cancel()
    else:
        first.cancel()
        turns.give_back()
    await second
    assert done == ["second"] and first.cancelled()
