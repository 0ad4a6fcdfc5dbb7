"""Bursts that have been seen to break central systems: every one is answered, in seconds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from csms.config import Settings
from tests.support.charge_point import BOOT, ScriptedChargePoint
from tests.support.system import System

pytestmark = pytest.mark.gen_test(timeout=60)

COUNT = 200


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Many come at once here, and that is what is looked at; whom the gate turns away is not."""
    return settings.model_copy(update={"max_connects_per_second": 0})


async def fleet(system: System) -> list[ScriptedChargePoint]:
    """So many charge points that have booted."""
    lines = "".join(f"CP{number}\n" for number in range(COUNT))
    response = await system.fetch(
        "POST",
        "/admin/charge-points/import",
        f"chargePointIdentity\n{lines}",
        headers={"Content-Type": "text/csv"},
    )
    assert response.code == 200
    charge_points = await connect(system)
    boots = await asyncio.gather(*(cp.start("BootNotification", BOOT) for cp in charge_points))
    assert {frame[2]["status"] for frame in boots} == {"Accepted"}
    return charge_points


async def connect(system: System) -> list[ScriptedChargePoint]:
    return list(await asyncio.gather(*(system.connect(f"CP{number}") for number in range(COUNT))))


async def test_starts_in_the_same_instant(system: System) -> None:
    charge_points = await fleet(system)
    payload: dict[str, Any] = {
        "connectorId": 1,
        "idTag": "TAG",
        "meterStart": 0,
        "timestamp": "2026-11-23T10:00:00Z",
    }
    frames = await asyncio.gather(
        *(charge_point.start("StartTransaction", payload) for charge_point in charge_points)
    )
    assert {frame[0] for frame in frames} == {3}
    assert len({frame[2]["transactionId"] for frame in frames}) == COUNT


async def test_the_whole_fleet_comes_back_under_the_same_identities(system: System) -> None:
    for charge_point in await fleet(system):
        charge_point.socket.close()
    again = await connect(system)
    frames = await asyncio.gather(*(cp.start("Heartbeat", {}) for cp in again))
    assert {frame[0] for frame in frames} == {3}
    held = await system.database.charge_points.count_documents({"ocppSessionId": {"$ne": None}})
    assert held == COUNT
