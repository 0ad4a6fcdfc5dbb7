"""SetChargingProfile: what is kept of what a charge point accepted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from csms.domain.times import rfc3339
from tests.actions.support import command, mistakes
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System

pytestmark = pytest.mark.gen_test

SET = "SetChargingProfile"
ACCEPTED = {"status": "Accepted"}
START = "2026-11-23T10:00:00Z"


def profile(profile_id: int, purpose: str = "TxDefaultProfile", **fields: Any) -> dict[str, Any]:
    return {
        "chargingProfileId": profile_id,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "W",
            "startSchedule": START,
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 11000.0},
                {"startPeriod": 600, "limit": 7400.5},
            ],
        },
        **fields,
    }


async def put(
    system: System,
    charge_point: ScriptedChargePoint,
    connector_id: int,
    made: dict[str, Any],
    status: str = "Accepted",
) -> None:
    asked = {"connectorId": connector_id, "csChargingProfiles": made}
    assert await command(system, charge_point, SET, asked, {"status": status}) == asked


async def shown(system: System, query: str = "") -> list[dict[str, Any]]:
    status, page = await system.rest("GET", f"/admin/charging-profiles?{query}")
    assert status == 200, page
    return list(page["items"])


async def ids(system: System, query: str = "") -> set[int]:
    return {item["chargingProfileId"] for item in await shown(system, query)}


async def start_transaction(charge_point: ScriptedChargePoint) -> int:
    payload = {
        "connectorId": 1,
        "idTag": "T",
        "meterStart": 0,
        "timestamp": rfc3339(datetime.now(UTC)),
    }
    return int((await charge_point.call("StartTransaction", payload))["transactionId"])


async def test_an_accepted_profile_is_shown_as_people_read_it(system: System) -> None:
    charge_point = await system.online()
    valid = {"validFrom": START, "validTo": "2026-11-24T10:00:00Z"}
    await put(system, charge_point, 1, profile(5, stackLevel=3, **valid))
    [kept] = await shown(system, "chargePointId=CP1&connectorId=1")
    assert (kept["chargingProfileId"], kept["stackLevel"]) == (5, 3)
    assert {name: kept[name] for name in valid} == valid
    first, second = kept["periods"]
    assert (first["start"], first["end"]) == (START, "2026-11-23T10:10:00Z")
    assert (second["limit"], second["unit"], second["end"]) == (7400.5, "W", None)


async def test_a_refused_profile_is_not_kept(system: System) -> None:
    charge_point = await system.online()
    for status in ("Rejected", "NotSupported"):
        await put(system, charge_point, 1, profile(5), status)
    assert await shown(system) == []


async def test_a_profile_replaces_the_one_with_its_id_or_in_its_place(system: System) -> None:
    charge_point = await system.online()
    await put(system, charge_point, 1, profile(1))
    await put(system, charge_point, 1, profile(2, stackLevel=1))
    await put(system, charge_point, 2, profile(1))
    assert [(p["chargingProfileId"], p["connectorId"]) for p in await shown(system)] == [
        (1, 2),
        (2, 1),
    ]
    await put(system, charge_point, 1, profile(3, stackLevel=1))
    assert await ids(system) == {1, 3}


async def test_a_transactions_profile_ends_with_it(system: System) -> None:
    charge_point = await system.online()
    transaction_id = await start_transaction(charge_point)
    await put(system, charge_point, 1, profile(1))
    await put(system, charge_point, 1, profile(2, "TxProfile", transactionId=transaction_id))
    assert await ids(system, f"transactionId={transaction_id}") == {2}
    stop = {
        "transactionId": transaction_id,
        "meterStop": 9,
        "timestamp": rfc3339(datetime.now(UTC)),
    }
    await charge_point.call("StopTransaction", stop)
    assert await ids(system) == {1}


async def test_a_remote_starts_profile_is_that_of_its_transaction(system: System) -> None:
    charge_point = await system.online()
    made = profile(4, "TxProfile", chargingProfileKind="Relative")
    del made["chargingSchedule"]["startSchedule"]
    asked = {"idTag": "T", "chargingProfile": made}
    received = await command(system, charge_point, "RemoteStartTransaction", asked, ACCEPTED)
    assert received == asked
    [kept] = await shown(system)
    assert (kept["connectorId"], kept["transactionId"]) == (None, None)
    transaction_id = await start_transaction(charge_point)
    [kept] = await shown(system, "chargingProfilePurpose=TxProfile")
    assert (kept["connectorId"], kept["transactionId"]) == (1, transaction_id)
    assert [period["start"] for period in kept["periods"]] == [None, None]


async def test_a_transactions_profile_may_have_a_validity(system: System) -> None:
    """Errata 3.65 and 3.66 of OCPP 1.6: stacking needs it."""
    charge_point = await system.online()
    validity = {"validFrom": START, "validTo": "2026-11-23T11:00:00Z"}
    made = profile(1, "TxProfile", transactionId=7, **validity)
    await put(system, charge_point, 1, made)
    [kept] = await shown(system)
    assert {name: kept[name] for name in validity} == validity


@pytest.mark.parametrize(
    ("connector_id", "made"),
    [
        (1, profile(1, "ChargePointMaxProfile")),
        (0, profile(1, "TxProfile")),
        (99, profile(1, transactionId=7)),
        (-1, profile(1, stackLevel=-1)),
        (1, profile(1, chargingProfileKind="Relative")),
        (1, profile(1, chargingProfileKind="Recurring")),
        (1, profile(1, validFrom=START, validTo=START)),
        (
            1,
            profile(
                1,
                chargingSchedule={
                    "chargingRateUnit": "A",
                    "duration": 0,
                    "minChargingRate": -1.0,
                    "chargingSchedulePeriod": [
                        {"startPeriod": 60, "limit": -6.0, "numberPhases": 4},
                        {"startPeriod": 60, "limit": 6.0},
                    ],
                },
            ),
        ),
    ],
)
async def test_what_the_charge_point_can_judge_is_sent(
    system: System, connector_id: int, made: dict[str, Any]
) -> None:
    charge_point = await system.online()
    await put(system, charge_point, connector_id, made, status="Rejected")
    assert await ids(system) == set()


@pytest.mark.parametrize(
    ("connector_id", "made", "field"),
    [
        (1, profile(1, validFrom="2026-01-01"), "csChargingProfiles.validFrom"),
        (1, profile(1, validTo="soon"), "csChargingProfiles.validTo"),
        (
            1,
            profile(
                1,
                chargingSchedule={**profile(1)["chargingSchedule"], "startSchedule": "noon"},
            ),
            "csChargingProfiles.chargingSchedule.startSchedule",
        ),
        (1, profile(1, stackLevel="0"), "csChargingProfiles.stackLevel"),
        (
            1,
            profile(1, chargingSchedule={}),
            "csChargingProfiles.chargingSchedule.chargingRateUnit",
        ),
    ],
)
async def test_mistakes(
    system: System, connector_id: int, made: dict[str, Any], field: str
) -> None:
    await system.online()
    asked = {"connectorId": connector_id, "csChargingProfiles": made}
    assert field in await mistakes(system, SET, asked)
