"""The pool that hashes passwords: few at once, a bounded number that wait."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from csms.errors import Busy
from csms.passwords import PasswordPool

pytestmark = pytest.mark.gen_test


async def test_so_many_at_once_and_so_many_that_wait() -> None:
    pool, go = PasswordPool("test", 2, 3), threading.Event()
    running = [asyncio.ensure_future(pool.run(go.wait)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(Busy) as refused:
        await pool.run(go.wait)
    assert refused.value.retry_after > 0
    assert len([name for name in map(str, threading.enumerate()) if "passwords-test" in name]) == 2
    go.set()
    assert await asyncio.gather(*running) == [True] * 5
    assert await pool.run(lambda: "free again") == "free again"
    pool.close()


async def test_who_left_makes_room() -> None:
    pool, go = PasswordPool("test", 1, 1), threading.Event()
    running = [asyncio.ensure_future(pool.run(go.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    running[1].cancel()
    await asyncio.gather(running[1], return_exceptions=True)
    with pool.place():
        go.set()
    await running[0]
    pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness of their own on Linux")
async def test_the_event_loop_goes_before_the_passwords_of_people() -> None:
    pool = PasswordPool.for_people()
    theirs = await pool.run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert theirs > os.getpriority(os.PRIO_PROCESS, 0)
    pool.close()
