"""Charging sessions, on line and off."""

from __future__ import annotations

import pytest

from csms.simulator.console import Tally
from tests.simulator.conftest import Make
from tests.simulator.support import Central, ManualClock, energy, running, samples

START = {"connectorId": 1, "idTag": "TAG-1"}


async def begin(central: Central, clock: ManualClock) -> dict[str, object]:
    """Have a session started by remote; returns its StartTransaction."""
    await clock.wake(0, 0)
    await central.online()
    assert await central.call("RemoteStartTransaction", START) == {"status": "Accepted"}
    await central.expect("StatusNotification", connectorId=1, status="Preparing")
    await clock.wake(1, 3)
    await central.expect("Authorize", idTag="TAG-1")
    start = await central.expect("StartTransaction")
    await central.expect("StatusNotification", connectorId=1, status="Charging")
    return start


@pytest.mark.gen_test
async def test_a_remote_session_from_plug_to_unplug(
    central: Central, clock: ManualClock, make: Make, tally: Tally
) -> None:
    async with running(make()):
        start = await begin(central, clock)
        assert start["idTag"] == "TAG-1"
        first = await central.expect("MeterValues", connectorId=1, transactionId=4711)
        assert tally.charging == 1
        readings = [energy(first)]
        for _ in range(3):
            await clock.wake(9.9, 10.1)
            reading = await central.expect("MeterValues", transactionId=4711)
            readings.append(energy(reading))
        assert readings == sorted(set(readings)) and readings[0] == start["meterStart"]
        assert await central.call("RemoteStopTransaction", {"transactionId": 4711}) == {
            "status": "Accepted"
        }
        stop = await central.expect("StopTransaction")
        assert stop["transactionId"] == 4711 and stop["reason"] == "Remote"
        assert stop["meterStop"] >= readings[-1] and energy(stop) == stop["meterStop"]
        await central.expect("StatusNotification", connectorId=1, status="Finishing")
        await clock.wake(2, 8)
        await central.expect("StatusNotification", connectorId=1, status="Available")
        assert tally.charging == 0


@pytest.mark.gen_test
async def test_a_driver_is_authorized_first(
    central: Central, clock: ManualClock, make: Make
) -> None:
    async with running(make(autostart=60.0, id_tag="DRIVER")):
        await clock.wake(0, 0)
        await central.online()
        # The mean is 60 s; the one who comes first may take any time.
        await clock.wake(0.001, 600)
        await central.expect("StatusNotification", status="Preparing")
        await clock.wake(1, 3)
        await central.expect("Authorize", idTag="DRIVER")
        await central.expect("StartTransaction", idTag="DRIVER")


@pytest.mark.gen_test
async def test_a_tag_that_is_refused_does_not_charge(
    central: Central, clock: ManualClock, make: Make
) -> None:
    central.answers["Authorize"] = {"idTagInfo": {"status": "Blocked"}}
    async with running(make(autostart=60.0)):
        await clock.wake(0, 0)
        await central.online()
        await clock.wake(0.001, 600)
        await central.expect("StatusNotification", status="Preparing")
        await clock.wake(1, 3)
        await central.expect("Authorize")
        await central.expect("StatusNotification", status="Available")
        assert central.unread("StartTransaction") == []


@pytest.mark.gen_test
async def test_a_start_that_is_answered_invalid_is_stopped(
    central: Central, clock: ManualClock, make: Make
) -> None:
    central.answers["StartTransaction"] = {
        "transactionId": 5,
        "idTagInfo": {"status": "Invalid"},
    }
    async with running(make()):
        await begin(central, clock)
        stop = await central.expect("StopTransaction", transactionId=5)
        assert stop["reason"] == "DeAuthorized"


@pytest.mark.gen_test
async def test_what_was_metered_off_line_is_sent_in_order_later(
    central: Central, clock: ManualClock, make: Make
) -> None:
    async with running(make()):
        await begin(central, clock)
        await central.expect("MeterValues")
        central.refuse_with = 503
        central.drop()
        await clock.wake(0.5, 1)
        await central.connections(2)
        for _ in range(3):
            await clock.wake(9.9, 10.1)
        # While it waits to try again, so that no attempt is on its way.
        await clock.sleeper(0.5, 9)
        central.refuse_with = None
        await clock.wake(0.5, 9)
        late = [await central.expect("MeterValues", transactionId=4711) for _ in range(3)]
        stamps = [message["meterValue"][0]["timestamp"] for message in late]
        assert stamps == sorted(set(stamps))
        assert [energy(message) for message in late] == sorted(energy(m) for m in late)


@pytest.mark.gen_test
async def test_a_message_that_was_not_answered_is_sent_again(
    central: Central, clock: ManualClock, make: Make
) -> None:
    central.answers["StartTransaction"] = None
    async with running(make()):
        await clock.wake(0, 0)
        await central.online()
        await central.call("RemoteStartTransaction", START)
        await clock.wake(1, 3)
        first = await central.expect("StartTransaction")
        central.errors["StartTransaction"] = "InternalError"
        central.answers.pop("StartTransaction")
        central.drop()
        await clock.wake(0.5, 1)
        assert await central.expect("StartTransaction") == first


@pytest.mark.gen_test
async def test_power_and_charge_are_plausible(
    central: Central, clock: ManualClock, make: Make
) -> None:
    charge_point = make(number=2)
    async with running(charge_point):
        await begin(central, clock)
        await central.expect("MeterValues")
        await clock.wake(9.9, 10.1)
        reading = await central.expect("MeterValues")
        [power] = [s for s in samples(reading, "Power.Active.Import") if "phase" not in s]
        watts = float(power["value"]) * (1000 if power["unit"] == "kW" else 1)
        assert 0 < watts <= charge_point.hardware.model.power_w * 1.05
