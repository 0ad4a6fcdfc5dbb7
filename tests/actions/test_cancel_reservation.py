"""CancelReservation: the reservation is cancelled when the charge point says so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "CancelReservation"
RESERVED = {
    "reservationId": 5,
    "connectorId": 1,
    "idTag": "TAG",
    "expiryDate": "2099-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("status", "becomes"), [("Accepted", "Cancelled"), ("Rejected", "Accepted")]
)
async def test_what_becomes_of_the_reservation(system: System, status: str, becomes: str) -> None:
    charge_point = await system.online()
    await command(system, charge_point, "ReserveNow", RESERVED, {"status": "Accepted"})
    asked = {"reservationId": 5}
    assert await command(system, charge_point, ACTION, asked, {"status": status}) == asked
    _, page = await system.rest("GET", "/admin/reservations")
    assert [item["status"] for item in page["items"]] == [becomes]


async def test_one_that_nobody_knows_is_the_charge_points_to_refuse(system: System) -> None:
    charge_point = await system.online()
    asked = {"reservationId": 99999}
    assert await command(system, charge_point, ACTION, asked, {"status": "Rejected"}) == asked


async def test_mistakes(system: System) -> None:
    payload: dict[str, Any] = {"reservationId": "5"}
    await system.online()
    assert await mistakes(system, ACTION, payload) == ["reservationId"]
