"""GetCompositeSchedule: as a command, and as people read it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.actions.support import command, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "GetCompositeSchedule"
PATH = "/admin/charge-points/CP1/composite-schedule"
ANSWER = {
    "status": "Accepted",
    "connectorId": 1,
    "scheduleStart": "2026-11-23T10:00:00Z",
    "chargingSchedule": {
        "duration": 3600,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 32.0},
            {"startPeriod": 900, "limit": 16.0, "numberPhases": 1},
        ],
    },
}


async def test_it_is_sent_as_it_is(system: System) -> None:
    charge_point = await system.online()
    asked = {"connectorId": 1, "duration": 3600, "chargingRateUnit": "A"}
    assert await command(system, charge_point, ACTION, asked, ANSWER) == asked


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({}, {"connectorId": 0, "duration": 86_400}),
        (
            {"connectorId": 1, "duration": 60, "chargingRateUnit": "W"},
            {"connectorId": 1, "duration": 60, "chargingRateUnit": "W"},
        ),
    ],
)
async def test_people_get_stretches_of_time(
    system: System, body: dict[str, Any], sent: dict[str, Any]
) -> None:
    charge_point = await system.online()
    asked = asyncio.ensure_future(system.rest("POST", PATH, body))
    unique_id, received = await charge_point.expect(ACTION)
    assert received == sent
    charge_point.reply(unique_id, ANSWER)
    status, schedule = await asked
    assert (status, schedule["status"], schedule["connectorId"]) == (200, "Accepted", 1)
    assert [(p["start"], p["end"], p["limit"], p["unit"]) for p in schedule["periods"]] == [
        ("2026-11-23T10:00:00Z", "2026-11-23T10:15:00Z", 32.0, "A"),
        ("2026-11-23T10:15:00Z", "2026-11-23T11:00:00Z", 16.0, "A"),
    ]


async def test_a_refusal_has_no_periods(system: System) -> None:
    charge_point = await system.online()
    charge_point.answers[ACTION] = lambda _: {"status": "Rejected"}
    status, schedule = await system.rest("POST", PATH, {})
    assert (status, schedule["status"], schedule["periods"]) == (200, "Rejected", [])


async def test_mistakes(system: System) -> None:
    await system.online()
    assert await mistakes(system, ACTION, {"connectorId": 1}) == ["duration"]


async def test_what_the_charge_point_can_judge_is_sent(system: System) -> None:
    charge_point = await system.online()
    asked = {"connectorId": -1, "duration": 0}
    assert await command(system, charge_point, ACTION, asked, {"status": "Rejected"}) == asked
