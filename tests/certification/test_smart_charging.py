"""Certification cases of the profile Smart Charging."""

from __future__ import annotations

from typing import Any

import pytest

from tests.certification.kit import ACCEPTED, VALID, Kit, Payload, moment

pytestmark = pytest.mark.gen_test


def profile(purpose: str, kind: str = "Absolute", **fields: Any) -> Payload:
    """A charging profile of one period."""
    schedule: Payload = {
        "duration": 300,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0, "numberPhases": 3}],
    }
    if kind == "Absolute":
        schedule["startSchedule"] = moment()
    return {
        "chargingProfileId": 100,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
        **fields,
    }


async def set_profile(kit: Kit, connector_id: int, charging_profile: Payload) -> None:
    asked = {"connectorId": connector_id, "csChargingProfiles": charging_profile}
    assert await kit.command("SetChargingProfile", asked, ACCEPTED) == asked


async def test_tc_056_csms_tx_default_profile(kit: Kit) -> None:
    period = {"validFrom": moment(), "validTo": moment(minutes=-5)}
    await set_profile(kit, 1, profile("TxDefaultProfile", **period))


@pytest.mark.parametrize("kind", ["Absolute", "Relative"])
async def test_tc_057_csms_tx_profile(kit: Kit, kind: str) -> None:
    transaction_id = await kit.charging()
    await set_profile(kit, 1, profile("TxProfile", kind, transactionId=transaction_id))


async def test_tc_066_csms_composite_schedule(kit: Kit) -> None:
    asked = {"connectorId": 1, "duration": 300, "chargingRateUnit": "A"}
    answer = {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": moment(),
        "chargingSchedule": profile("TxDefaultProfile")["chargingSchedule"],
    }
    assert await kit.command("GetCompositeSchedule", asked, answer) == asked


async def test_tc_067_csms_clear_profiles(kit: Kit) -> None:
    transaction_id = await kit.charging()
    await set_profile(kit, 0, profile("ChargePointMaxProfile", chargingProfileId=1))
    await set_profile(kit, 1, profile("TxDefaultProfile", chargingProfileId=2))
    own = profile("TxProfile", chargingProfileId=3, transactionId=transaction_id)
    await set_profile(kit, 1, own)
    by_criteria = {
        "connectorId": 1,
        "chargingProfilePurpose": "TxDefaultProfile",
        "stackLevel": 0,
    }
    for asked in ({"id": 1}, by_criteria, {}):
        assert await kit.command("ClearChargingProfile", asked, ACCEPTED) == asked


async def test_tc_059_csms_remote_start_with_profile(kit: Kit) -> None:
    asked = {"idTag": VALID, "connectorId": 1, "chargingProfile": profile("TxProfile", "Relative")}
    assert await kit.command("RemoteStartTransaction", asked, ACCEPTED) == asked
    await kit.authorize()
    await kit.status(1, "Preparing")
    transaction_id = await kit.start()
    await kit.status(1, "Charging")
    assert (await kit.transaction(transaction_id))["commandId"] is not None
