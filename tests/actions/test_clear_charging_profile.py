"""ClearChargingProfile: what fits the criteria is forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, mistakes
from tests.actions.test_set_charging_profile import ACCEPTED, ids, profile, put
from tests.support.system import System

pytestmark = pytest.mark.gen_test

CLEAR = "ClearChargingProfile"


@pytest.mark.parametrize(
    ("criteria", "left"),
    [
        ({}, set()),
        ({"id": 1}, {2, 3}),
        ({"connectorId": 1}, {1}),
        ({"chargingProfilePurpose": "TxDefaultProfile"}, {1}),
        ({"connectorId": 1, "stackLevel": 1}, {1, 2}),
        ({"id": 9}, {1, 2, 3}),
    ],
)
async def test_clearing(system: System, criteria: dict[str, Any], left: set[int]) -> None:
    charge_point = await system.online()
    await put(system, charge_point, 0, profile(1, "ChargePointMaxProfile"))
    await put(system, charge_point, 1, profile(2))
    await put(system, charge_point, 1, profile(3, stackLevel=1))
    await command(system, charge_point, CLEAR, criteria, {"status": "Unknown"})
    assert await ids(system) == {1, 2, 3}
    await command(system, charge_point, CLEAR, criteria, ACCEPTED)
    assert await ids(system) == left


async def test_mistakes(system: System) -> None:
    await system.online()
    payload = {"chargingProfilePurpose": "Any"}
    assert await mistakes(system, CLEAR, payload) == ["chargingProfilePurpose"]
