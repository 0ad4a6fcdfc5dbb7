"""What a simulated charge point answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.conftest import Make
from tests.simulator.support import Central, ManualClock, running

REMOTE_START = {"connectorId": 1, "idTag": "TAG-1"}


async def online(central: Central, clock: ManualClock) -> None:
    """Let the charge point come on line."""
    await clock.wake(0, 0)
    await central.online()


@pytest.mark.gen_test
async def test_a_connector_is_taken_once(central: Central, clock: ManualClock, make: Make) -> None:
    async with running(make()):
        await online(central, clock)
        statuses = [
            (await central.call("RemoteStartTransaction", {"idTag": "TAG-1"}))["status"]
            for _ in range(3)
        ]
        assert statuses == ["Accepted", "Accepted", "Rejected"]


@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        ("RemoteStartTransaction", {"connectorId": 9, "idTag": "T"}, {"status": "Rejected"}),
        ("RemoteStopTransaction", {"transactionId": 1}, {"status": "Rejected"}),
        ("UnlockConnector", {"connectorId": 9}, {"status": "NotSupported"}),
        ("UnlockConnector", {"connectorId": 1}, {"status": "Unlocked"}),
        ("ClearCache", {}, {"status": "Accepted"}),
        ("DataTransfer", {"vendorId": "x"}, {"status": "UnknownVendorId"}),
        ("ChangeAvailability", {"connectorId": 9, "type": "Operative"}, {"status": "Rejected"}),
        ("ChangeConfiguration", {"key": "NoSuchKey", "value": "1"}, {"status": "NotSupported"}),
    ],
)
@pytest.mark.gen_test
async def test_answers(
    central: Central,
    clock: ManualClock,
    make: Make,
    action: str,
    payload: dict[str, Any],
    answer: dict[str, Any],
) -> None:
    async with running(make()):
        await online(central, clock)
        assert await central.call(action, payload) == answer


@pytest.mark.gen_test
async def test_what_it_does_not_know_is_not_implemented(
    central: Central, clock: ManualClock, make: Make
) -> None:
    async with running(make()):
        await online(central, clock)
        assert (await central.ask("NoSuchAction", {}))[2] == "NotImplemented"
        assert (await central.ask("Reset", {"type": "Medium"}))[2] == "PropertyConstraintViolation"


@pytest.mark.gen_test
async def test_configuration_tells_the_connectors(
    central: Central, clock: ManualClock, make: Make
) -> None:
    async with running(make()):
        await online(central, clock)
        keys = ["NumberOfConnectors", "Connector1-Type", "NoSuchKey"]
        answer = await central.call("GetConfiguration", {"key": keys})
        values = {item["key"]: item.get("value") for item in answer["configurationKey"]}
        assert values["NumberOfConnectors"] == "2" and values["Connector1-Type"]
        assert answer["unknownKey"] == ["NoSuchKey"]


@pytest.mark.gen_test
async def test_a_new_heartbeat_interval_is_used(
    central: Central, clock: ManualClock, make: Make
) -> None:
    async with running(make()):
        await online(central, clock)
        change = {"key": "HeartbeatInterval", "value": "20"}
        assert (await central.call("ChangeConfiguration", change))["status"] == "Accepted"
        await clock.wake(18, 20)
        await central.expect("Heartbeat")


@pytest.mark.gen_test
async def test_a_new_authorization_key_is_used_at_once(
    central: Central, clock: ManualClock, make: Make
) -> None:
    async with running(make(password="the-key-it-had-01")):
        await online(central, clock)
        change = {"key": "AuthorizationKey", "value": "the-key-it-gets-2"}
        assert (await central.call("ChangeConfiguration", change))["status"] == "Accepted"
        await clock.wake(0, 0)
        await central.sockets(2)
        await central.call("ClearCache", {})
        assert len({authorization for _, authorization in central.requests}) == 2


@pytest.mark.gen_test
async def test_a_reset_stops_what_runs_and_boots_again(
    central: Central, clock: ManualClock, make: Make
) -> None:
    async with running(make()):
        await online(central, clock)
        await central.call("RemoteStartTransaction", REMOTE_START)
        await clock.wake(1, 3)
        await central.expect("StatusNotification", connectorId=1, status="Charging")
        assert (await central.call("Reset", {"type": "Soft"}))["status"] == "Accepted"
        assert (await central.expect("StopTransaction"))["reason"] == "SoftReset"
        await clock.wake(3, 8)
        await central.expect("BootNotification")


@pytest.mark.gen_test
async def test_availability_waits_for_the_end_of_a_session(
    central: Central, clock: ManualClock, make: Make
) -> None:
    inoperative = {"connectorId": 0, "type": "Inoperative"}
    async with running(make()):
        await online(central, clock)
        await central.call("RemoteStartTransaction", REMOTE_START)
        await clock.wake(1, 3)
        await central.expect("StatusNotification", connectorId=1, status="Charging")
        assert (await central.call("ChangeAvailability", inoperative))["status"] == "Scheduled"
        await central.expect("StatusNotification", connectorId=2, status="Unavailable")
        assert (await central.call("RemoteStartTransaction", {"idTag": "T"}))[
            "status"
        ] == "Rejected"
        await central.call("UnlockConnector", {"connectorId": 1})
        assert (await central.expect("StopTransaction"))["reason"] == "UnlockCommand"
        await clock.wake(2, 8)
        await central.expect("StatusNotification", connectorId=1, status="Unavailable")


@pytest.mark.parametrize(
    ("requested", "action"),
    [
        ("BootNotification", "BootNotification"),
        ("Heartbeat", "Heartbeat"),
        ("StatusNotification", "StatusNotification"),
        ("MeterValues", "MeterValues"),
        ("FirmwareStatusNotification", "FirmwareStatusNotification"),
        ("DiagnosticsStatusNotification", "DiagnosticsStatusNotification"),
    ],
)
@pytest.mark.gen_test
async def test_triggers(
    central: Central, clock: ManualClock, make: Make, requested: str, action: str
) -> None:
    async with running(make()):
        await online(central, clock)
        answer = await central.call("TriggerMessage", {"requestedMessage": requested})
        assert answer == {"status": "Accepted"}
        await central.expect(action)
