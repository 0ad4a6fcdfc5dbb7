"""Connect, boot, and connect again."""

from __future__ import annotations

import base64
import io

import pytest

from csms.simulator.console import Tally
from tests.simulator.conftest import Make
from tests.simulator.support import Central, ManualClock, running


@pytest.mark.gen_test
async def test_it_boots_tells_its_status_and_beats(
    central: Central, clock: ManualClock, make: Make, tally: Tally
) -> None:
    async with running(make()):
        await clock.wake(0, 0)
        boot = await central.expect("BootNotification")
        assert boot["chargePointSerialNumber"] and boot["chargePointVendor"]
        for number in range(3):
            await central.expect("StatusNotification", connectorId=number, status="Available")
        assert tally.connected == 1
        # The interval that the central system gave, not the one it was built with.
        await clock.wake(270, 300)
        await central.expect("Heartbeat")
    assert central.closed == [(1001, "The simulator stops")]
    assert tally.connected == 0


@pytest.mark.gen_test
async def test_a_password_is_sent_as_http_basic(
    central: Central, clock: ManualClock, make: Make
) -> None:
    async with running(make(password="sixteen-bytes-16")):
        await clock.wake(0, 0)
        await central.online()
    [(identity, authorization)] = central.requests
    assert authorization is not None
    user_and_password = base64.b64decode(authorization.removeprefix("Basic ")).decode()
    assert user_and_password == f"{identity}:sixteen-bytes-16"


@pytest.mark.gen_test
async def test_a_pending_charge_point_asks_again_after_the_interval(
    central: Central, clock: ManualClock, make: Make
) -> None:
    central.answers["BootNotification"] = Central.verdict("Pending", 45)
    async with running(make()):
        await clock.wake(0, 0)
        await central.expect("BootNotification")
        await clock.sleeper(45, 50)
        assert central.unread("StatusNotification") == []
        central.answers["BootNotification"] = Central.verdict("Accepted", 300)
        await clock.wake(45, 50)
        await central.online()


@pytest.mark.gen_test
async def test_after_a_lost_connection_it_comes_back_without_a_boot(
    central: Central, clock: ManualClock, make: Make
) -> None:
    async with running(make()):
        await clock.wake(0, 0)
        await central.online()
        central.drop()
        await clock.wake(0.5, 1)
        await central.sockets(2)
        # Its statuses are known there: what it says first is what it is asked for.
        await central.call("TriggerMessage", {"requestedMessage": "Heartbeat"})
        await central.expect("Heartbeat")
        assert central.unread("BootNotification") == []


@pytest.mark.gen_test
async def test_a_security_error_makes_it_boot_again(
    central: Central, clock: ManualClock, make: Make
) -> None:
    async with running(make()):
        await clock.wake(0, 0)
        await central.online()
        central.errors["Heartbeat"] = "SecurityError"
        await clock.wake(270, 300)
        await central.expect("Heartbeat")
        await clock.wake(0.5, 1)
        await central.expect("BootNotification")


@pytest.mark.parametrize("how", ["closed", "404", "401"])
@pytest.mark.gen_test
async def test_turned_away_it_says_so_and_asks_again_later(
    central: Central,
    clock: ManualClock,
    make: Make,
    tally: Tally,
    screen: io.StringIO,
    how: str,
) -> None:
    if how == "closed":
        central.close_with = (1008, "Not whitelisted")
    else:
        central.refuse_with = int(how)
    async with running(make()):
        await clock.wake(0, 0)
        await clock.sleeper(20, 40)
        assert tally.turned_away == 1
        assert ("Not whitelisted" if how == "closed" else how) in screen.getvalue()
        central.close_with = central.refuse_with = None
        await clock.wake(20, 40)
        await central.online()
        assert tally.turned_away == 0


@pytest.mark.gen_test
async def test_while_nobody_listens_it_waits_longer_each_time(
    central: Central, clock: ManualClock, make: Make, screen: io.StringIO
) -> None:
    charge_point = make()
    await central.stop()
    async with running(charge_point):
        await clock.wake(0, 0)
        for most in (1, 2, 4, 8, 16, 32, 60, 60):
            await clock.wake(most / 2, most)
    assert "cannot connect" in screen.getvalue()
    await central.start()
