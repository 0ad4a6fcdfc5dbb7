"""What the person at the terminal sees."""

from __future__ import annotations

import asyncio
import io

import pytest

from csms.simulator.console import Console, Tally
from tests.simulator.support import ManualClock


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


async def watch(console: Console, clock: ManualClock, tally: Tally, seconds: float) -> None:
    watching = asyncio.create_task(console.watch(tally))
    for number in range(2):
        await clock.sleeper(seconds, seconds)
        tally.sent = number + 1
        clock.advance(seconds)
    await clock.sleeper(seconds, seconds)
    watching.cancel()


@pytest.mark.gen_test
async def test_a_terminal_has_one_live_line(clock: ManualClock) -> None:
    terminal = Terminal()
    console = Console(terminal, clock)
    await watch(console, clock, Tally(3), 1)
    console.problem("SIM-1", "trouble")
    line = "\r\x1b[K0 of 3 connected | 0 charging | {} messages sent"
    assert terminal.getvalue() == line.format(1) + line.format(2) + "\r\x1b[KSIM-1: trouble\n"


@pytest.mark.gen_test
async def test_a_file_gets_a_line_now_and_then(clock: ManualClock) -> None:
    file = io.StringIO()
    tally = Tally(3)
    tally.turned_away = 2
    await watch(Console(file, clock), clock, tally, 30)
    line = "0 of 3 connected | 0 charging | {} messages sent | 2 turned away\n"
    assert file.getvalue() == line.format(1) + line.format(2)


def test_a_problem_of_many_is_told_once_a_minute(clock: ManualClock, screen: io.StringIO) -> None:
    console = Console(screen, clock)
    for number in range(100):
        console.problem(f"SIM-{number}", "trouble")
    console.problem("SIM-7", "other trouble")
    clock.advance(60)
    console.problem("SIM-8", "trouble")
    assert screen.getvalue().splitlines() == [
        "SIM-0: trouble",
        "SIM-7: other trouble",
        "SIM-8: trouble",
    ]
