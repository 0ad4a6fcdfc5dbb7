"""The heartbeat of a worker: what the supervisor takes for frozen, and what it does not."""

from __future__ import annotations

import os

import pytest

from csms.worker_heartbeat import (
    BEATS_EVERY,
    FIRST_WITHIN,
    HEARTBEAT,
    WorkerHeartbeat,
    note_frozen,
    send_heartbeat,
)
from tests.support.system import System, eventually


def beat(heartbeat: WorkerHeartbeat) -> None:
    os.write(heartbeat.given, b".")


def test_one_that_beats_is_well() -> None:
    with WorkerHeartbeat(3 * BEATS_EVERY) as heartbeat:
        for _ in range(10):
            beat(heartbeat)
            assert heartbeat.look() == 0
            assert not heartbeat.has_frozen
        assert heartbeat.beats == 10


def test_one_that_has_stopped_is_frozen_after_a_while() -> None:
    with WorkerHeartbeat(3 * BEATS_EVERY) as heartbeat:
        beat(heartbeat)
        seen = []
        for _ in range(4):
            heartbeat.look()
            seen.append(heartbeat.has_frozen)
        assert seen == [False, False, False, True]


def test_one_that_starts_has_longer() -> None:
    with WorkerHeartbeat(3 * BEATS_EVERY) as heartbeat:
        looks = 0
        while not heartbeat.has_frozen:
            heartbeat.look()
            looks += 1
        assert looks == FIRST_WITHIN / BEATS_EVERY


def test_the_supervisor_may_be_stopped_itself() -> None:
    with WorkerHeartbeat(3 * BEATS_EVERY) as heartbeat:
        beat(heartbeat)
        heartbeat.look()
        # However long that was: one look in vain is one look.
        assert heartbeat.look() == BEATS_EVERY
        for _ in range(100_000):
            try:
                os.set_blocking(heartbeat.given, False)
                beat(heartbeat)
            except BlockingIOError:
                break
        assert heartbeat.look() == 0


def test_it_may_be_turned_off() -> None:
    with WorkerHeartbeat(0) as heartbeat:
        for _ in range(1_000):
            heartbeat.look()
        assert not heartbeat.has_frozen


@pytest.mark.gen_test
async def test_a_worker_beats_as_long_as_its_loop_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    with WorkerHeartbeat(3 * BEATS_EVERY) as heartbeat:
        monkeypatch.setenv(HEARTBEAT, heartbeat.environment[HEARTBEAT])
        send_heartbeat()

        async def beats() -> int:
            heartbeat.look()
            return heartbeat.beats

        await eventually(beats, lambda count: count >= 2)


@pytest.mark.gen_test
async def test_the_one_that_replaces_it_raises_the_alarm(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms = system.central_system.alarms
    note_frozen(alarms, "node#1")
    monkeypatch.setenv("CSMS_WORKER_FROZE", "15.0")
    note_frozen(alarms, "node#2")
    [alarm] = await eventually(lambda: system.database.alarms.find().to_list(None), bool)
    assert (alarm["kind"], alarm["subject"]) == ("workerFrozen", "node#2")
    assert alarm["facts"]["seconds without a heartbeat"] == "15.0"
