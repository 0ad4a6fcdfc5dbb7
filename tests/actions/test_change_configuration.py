"""ChangeConfiguration: sent as it is, and secrets seen by the charge point alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, documents, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "ChangeConfiguration"
KEY = "0123456789abcdefgh"


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "RebootRequired", "NotSupported"])
async def test_the_answer_is_told(system: System, status: str) -> None:
    charge_point = await system.online()
    asked = {"key": "MeterValueSampleInterval", "value": "30"}
    assert await command(system, charge_point, ACTION, asked, {"status": status}) == asked
    [sent] = await documents(system, "commands")
    assert (sent["payload"], sent["response"]) == (asked, {"status": status})


@pytest.mark.parametrize("key", ["AuthorizationKey", "authorizationkey", "WifiPassword"])
async def test_a_secret_is_nowhere_but_on_the_wire(system: System, key: str) -> None:
    charge_point = await system.verified()
    asked = {"key": key, "value": KEY}
    assert await command(system, charge_point, ACTION, asked, {"status": "Accepted"}) == asked
    await system.central_system.telemetry.close()
    for collection in ("commands", "messages", "charge_points"):
        assert KEY not in repr(await documents(system, collection))


@pytest.mark.parametrize(
    ("status", "kept"),
    [("Accepted", True), ("RebootRequired", True), ("Rejected", False), ("NotSupported", False)],
)
async def test_a_key_counts_when_it_was_taken(system: System, status: str, kept: bool) -> None:
    charge_point = await system.verified()
    asked = {"key": "AuthorizationKey", "value": KEY}
    await command(system, charge_point, ACTION, asked, {"status": status})
    record = await system.record()
    assert (record.get("nextAuthorizationKeyHash") is not None) is kept


@pytest.mark.parametrize(
    ("value", "status", "interval"),
    [("900", "Accepted", 900), ("900", "Rejected", 300), ("0", "Accepted", 300),
     ("15 min", "Accepted", 300), ("9" * 500, "Accepted", 300)],
)  # fmt: skip
async def test_a_heartbeat_interval_that_was_taken_is_on_record(
    system: System, value: str, status: str, interval: int
) -> None:
    charge_point = await system.online()
    asked = {"key": "heartBeatInterval", "value": value}
    await command(system, charge_point, ACTION, asked, {"status": status})
    assert (await system.record())["heartbeatIntervalSec"] == interval


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"key": "X"}, "value"),
        ({"value": "1"}, "key"),
        ({"key": "x" * 51, "value": "1"}, "key"),
        ({"key": "X", "value": 1}, "value"),
        ({"key": "AuthorizationKey", "value": "too short"}, "value"),
    ],
)
async def test_mistakes(system: System, payload: dict[str, Any], field: str) -> None:
    await system.online()
    assert await mistakes(system, ACTION, payload) == [field]
