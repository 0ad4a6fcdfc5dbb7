"""ReserveNow: what is kept of a reservation, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.domain.times import rfc3339
from tests.actions.support import command, mistakes
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "ReserveNow"
LATER = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
EARLIER = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
ASKED = {"connectorId": 1, "idTag": "TAG", "expiryDate": LATER}


async def reservations(system: System, query: str = "") -> list[dict[str, Any]]:
    status, page = await system.rest("GET", f"/admin/reservations?{query}")
    assert status == 200, page
    return list(page["items"])


async def reserve(system: System, charge_point: ScriptedChargePoint, **fields: Any) -> int:
    received = await command(system, charge_point, ACTION, ASKED | fields, {"status": "Accepted"})
    return int(received["reservationId"])


async def start(charge_point: ScriptedChargePoint, id_tag: str, reservation_id: int) -> int:
    payload = {
        "connectorId": 1,
        "idTag": id_tag,
        "meterStart": 0,
        "timestamp": rfc3339(datetime.now(UTC)),
        "reservationId": reservation_id,
    }
    return int((await charge_point.call("StartTransaction", payload))["transactionId"])


async def test_an_id_is_given_where_none_is_sent(system: System) -> None:
    charge_point = await system.online()
    first, second = [await reserve(system, charge_point) for _ in range(2)]
    assert 0 < first < second
    assert await reserve(system, charge_point, reservationId=77) == 77
    found = await reservations(system, "chargePointId=CP1&reservationId=77&status=Accepted")
    [kept] = found
    assert kept.items() >= (ASKED | {"reservationId": 77, "status": "Accepted"}).items()
    assert [r["reservationId"] for r in await reservations(system)] == [77, second, first]


async def test_the_same_id_on_another_charge_point_is_another_reservation(system: System) -> None:
    charge_point, other = await system.online("CP1"), await system.online("CP2")
    await reserve(system, charge_point, reservationId=5)
    body = {"action": ACTION, "payload": ASKED | {"reservationId": 5, "idTag": "OTHER"}}
    other.answers[ACTION] = lambda _: {"status": "Occupied"}
    assert (await system.rest("POST", "/admin/charge-points/CP2/commands", body))[0] == 200
    shown = {r["chargePointId"]: (r["idTag"], r["status"]) for r in await reservations(system)}
    assert shown == {"CP1": ("TAG", "Accepted"), "CP2": ("OTHER", "Occupied")}


async def test_one_that_ran_out_is_expired(system: System) -> None:
    charge_point = await system.online()
    await reserve(system, charge_point, expiryDate=EARLIER)
    assert [r["status"] for r in await reservations(system, "status=Expired")] == ["Expired"]


async def test_a_start_uses_it(system: System) -> None:
    charge_point = await system.online()
    reservation_id = await reserve(system, charge_point, expiryDate=EARLIER)
    await reservations(system)
    transaction_id = await start(charge_point, "tag", reservation_id)
    [used] = await reservations(system)
    assert (used["status"], used["transactionId"]) == ("Used", transaction_id)
    assert await start(charge_point, "tag", reservation_id) != 0
    [used] = await reservations(system)
    assert used["transactionId"] == transaction_id


@pytest.mark.parametrize("told", [True, False])
async def test_a_tag_of_the_same_group_uses_it_too(system: System, told: bool) -> None:
    for id_tag in ("TAG", "SIBLING"):
        await system.rest("POST", "/admin/id-tags", {"idTag": id_tag, "parentIdTag": "GROUP"})
    charge_point = await system.online()
    group = {"parentIdTag": "group"} if told else {}
    reservation_id = await reserve(system, charge_point, **group)
    await start(charge_point, "SIBLING", reservation_id)
    assert [r["status"] for r in await reservations(system)] == ["Used"]


@pytest.mark.parametrize(
    ("id_tag", "known", "flag"),
    [("STRANGER", True, "foreignReservation"), ("TAG", False, "unknownReservation")],
)
async def test_what_does_not_fit_is_flagged(
    system: System, id_tag: str, known: bool, flag: str
) -> None:
    charge_point = await system.online()
    reservation_id = await reserve(system, charge_point)
    await start(charge_point, id_tag, reservation_id if known else reservation_id + 1)
    _, page = await system.rest("GET", "/admin/transactions")
    assert page["items"][0]["flags"] == [flag]
    assert [r["status"] for r in await reservations(system)] == ["Accepted"]


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"idTag": "TAG", "expiryDate": LATER}, "connectorId"),
        (ASKED | {"expiryDate": "tomorrow"}, "expiryDate"),
        (ASKED | {"expiryDate": "2026-11-23T12:00:00"}, "expiryDate"),
        (ASKED | {"idTag": "x" * 21}, "idTag"),
        (ASKED | {"reservationId": "1"}, "reservationId"),
    ],
)
async def test_mistakes(system: System, payload: dict[str, Any], field: str) -> None:
    await system.online()
    assert await mistakes(system, ACTION, payload) == [field]
