"""Certification cases of the profile Reservation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.certification.kit import ACCEPTED, OTHER_VALID, PARENT, VALID, Kit, moment

pytestmark = pytest.mark.gen_test


async def reserve(kit: Kit, answer: str = "Accepted", **fields: Any) -> int:
    """Have a connector reserved; returns the reservation's id, which the central system gave."""
    asked = {"connectorId": 1, "idTag": VALID, "expiryDate": moment(minutes=-5), **fields}
    received = await kit.command("ReserveNow", asked, {"status": answer})
    assert received.items() >= asked.items()
    assert await state(kit, received["reservationId"]) == answer
    return int(received["reservationId"])


async def state(kit: Kit, reservation_id: int) -> str:
    """A reservation's state, as the operator sees it."""
    path = f"/admin/reservations?chargePointId=CP1&reservationId={reservation_id}"
    _, page = await kit.system.rest("GET", path)
    [reservation] = page["items"]
    return str(reservation["status"])


async def test_tc_046_csms_transaction(kit: Kit) -> None:
    reservation_id = await reserve(kit)
    await kit.status(1, "Reserved")
    await kit.authorize()
    await kit.status(1, "Preparing")
    await kit.start(reservationId=reservation_id)
    await kit.status(1, "Charging")
    assert await state(kit, reservation_id) == "Used"


async def test_tc_047_csms_expire(kit: Kit) -> None:
    asked = {"connectorId": 1, "idTag": VALID, "expiryDate": moment(minutes=-5)}
    received = await kit.command("ReserveNow", asked, ACCEPTED)
    assert received["expiryDate"] == asked["expiryDate"]
    await kit.statuses(1, "Reserved", "Available")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("Faulted", id="tc_048_1_csms"),
        pytest.param("Occupied", id="tc_048_2_csms"),
        pytest.param("Rejected", id="tc_048_4_csms"),
    ],
)
async def test_refused(kit: Kit, answer: str) -> None:
    await reserve(kit, answer)


async def test_tc_048_3_csms_unavailable(kit: Kit) -> None:
    asked = {"connectorId": 1, "type": "Inoperative"}
    await kit.command("ChangeAvailability", asked, ACCEPTED)
    await kit.status(1, "Unavailable")
    await reserve(kit, "Unavailable")


async def test_tc_049_csms_the_whole_charge_point(kit: Kit) -> None:
    reservation_id = await reserve(kit, connectorId=0)
    await kit.statuses(1, "Reserved")
    await kit.authorize()
    await kit.status(1, "Preparing")
    await kit.start(reservationId=reservation_id)
    assert await state(kit, reservation_id) == "Used"


async def test_tc_051_csms_cancel(kit: Kit) -> None:
    reservation_id = await reserve(kit)
    await kit.status(1, "Reserved")
    asked = {"reservationId": reservation_id}
    assert await kit.command("CancelReservation", asked, ACCEPTED) == asked
    await kit.status(1, "Available")
    assert await state(kit, reservation_id) == "Cancelled"


async def test_tc_052_csms_cancel_rejected(kit: Kit) -> None:
    reservation_id = await reserve(kit)
    asked = {"reservationId": reservation_id}
    await kit.command("CancelReservation", asked, {"status": "Rejected"})
    assert await state(kit, reservation_id) == "Accepted"


async def test_tc_053_csms_parent_id_tag(kit: Kit) -> None:
    reservation_id = await reserve(kit, parentIdTag=PARENT)
    await kit.status(1, "Reserved")
    answer = await kit.call("Authorize", {"idTag": OTHER_VALID})
    assert answer["idTagInfo"] == {"status": "Accepted", "parentIdTag": PARENT}
    await kit.status(1, "Preparing")
    await kit.start(OTHER_VALID, reservationId=reservation_id)
    await kit.status(1, "Charging")
    assert await state(kit, reservation_id) == "Used"
