"""The pulse of a worker: what the supervisor takes for frozen, and what it does not."""

from __future__ import annotations

import os

import pytest

from csms.pulse import FIRST_WITHIN, PULSE, PULSES_EVERY, Pulse, note_frozen, send_pulse
from tests.support.system import System, eventually


def beat(pulse: Pulse) -> None:
    os.write(pulse.given, b".")


def test_one_that_beats_is_well() -> None:
    with Pulse(3 * PULSES_EVERY) as pulse:
        for _ in range(10):
            beat(pulse)
            assert pulse.feel() == 0
            assert not pulse.has_frozen
        assert pulse.beats == 10


def test_one_that_has_stopped_is_frozen_after_a_while() -> None:
    with Pulse(3 * PULSES_EVERY) as pulse:
        beat(pulse)
        felt = []
        for _ in range(4):
            pulse.feel()
            felt.append(pulse.has_frozen)
        assert felt == [False, False, False, True]


def test_one_that_starts_has_longer() -> None:
    with Pulse(3 * PULSES_EVERY) as pulse:
        looks = 0
        while not pulse.has_frozen:
            pulse.feel()
            looks += 1
        assert looks == FIRST_WITHIN / PULSES_EVERY


def test_the_supervisor_may_be_stopped_itself() -> None:
    with Pulse(3 * PULSES_EVERY) as pulse:
        beat(pulse)
        pulse.feel()
        # However long that was: one look in vain is one look.
        assert pulse.feel() == PULSES_EVERY
        for _ in range(100_000):
            try:
                os.set_blocking(pulse.given, False)
                beat(pulse)
            except BlockingIOError:
                break
        assert pulse.feel() == 0


def test_it_may_be_turned_off() -> None:
    with Pulse(0) as pulse:
        for _ in range(1_000):
            pulse.feel()
        assert not pulse.has_frozen


@pytest.mark.gen_test
async def test_a_worker_beats_as_long_as_its_loop_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    with Pulse(3 * PULSES_EVERY) as pulse:
        monkeypatch.setenv(PULSE, pulse.environment[PULSE])
        send_pulse()

        async def beats() -> int:
            pulse.feel()
            return pulse.beats

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
    assert alarm["facts"]["seconds without a pulse"] == "15.0"
