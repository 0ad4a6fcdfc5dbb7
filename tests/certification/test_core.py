"""Certification cases of the Core profile."""

from __future__ import annotations

import pytest

from tests.certification.kit import ACCEPTED, VALID, Kit, moment

pytestmark = pytest.mark.gen_test


async def test_tc_001_csms_cold_boot(kit: Kit) -> None:
    await kit.reconnect()
    await kit.boot()
    assert (await kit.call("Heartbeat", {}))["currentTime"].endswith("Z")


async def test_tc_003_csms_plugin_first(kit: Kit) -> None:
    await kit.status(1, "Preparing")
    await kit.authorize()
    transaction_id = await kit.start()
    await kit.status(1, "Charging")
    await kit.stop(transaction_id, "Local")
    await kit.statuses(1, "Finishing", "Available")


async def test_tc_004_1_csms_identification_first(kit: Kit) -> None:
    await kit.authorize()
    await kit.status(1, "Preparing")
    await kit.start()
    await kit.status(1, "Charging")


async def test_tc_004_2_csms_connection_timeout(kit: Kit) -> None:
    await kit.authorize()
    await kit.statuses(1, "Preparing", "Available")
    _, page = await kit.system.rest("GET", "/admin/transactions")
    assert page["items"] == []


async def test_tc_005_1_csms_ev_side_disconnected(kit: Kit) -> None:
    transaction_id = await kit.charging()
    await kit.status(1, "SuspendedEV")
    await kit.stop(transaction_id, "EVDisconnected")
    await kit.statuses(1, "Finishing", "Available")


async def test_tc_007_csms_cached_id(kit: Kit) -> None:
    await kit.status(1, "Preparing")
    await kit.start()
    await kit.status(1, "Charging")


async def test_tc_061_csms_clear_cache(kit: Kit) -> None:
    assert await kit.command("ClearCache", {}, ACCEPTED) == {}


async def test_tc_010_csms_remote_start_cable_first(kit: Kit) -> None:
    await kit.status(1, "Preparing")
    asked = {"idTag": VALID, "connectorId": 1}
    assert await kit.command("RemoteStartTransaction", asked, ACCEPTED) == asked
    await kit.authorize()
    transaction_id = await kit.start()
    await kit.status(1, "Charging")
    assert (await kit.transaction(transaction_id))["commandId"] is not None


async def test_tc_011_1_csms_remote_start_first(kit: Kit) -> None:
    await kit.command("RemoteStartTransaction", {"idTag": VALID, "connectorId": 1}, ACCEPTED)
    await kit.authorize()
    await kit.status(1, "Preparing")
    transaction_id = await kit.start()
    await kit.status(1, "Charging")
    assert (await kit.transaction(transaction_id))["commandId"] is not None


async def test_tc_011_2_csms_remote_start_timeout(kit: Kit) -> None:
    await kit.command("RemoteStartTransaction", {"idTag": VALID, "connectorId": 1}, ACCEPTED)
    await kit.authorize()
    await kit.statuses(1, "Preparing", "Available")


async def test_tc_012_csms_remote_stop(kit: Kit) -> None:
    transaction_id = await kit.charging()
    asked = {"transactionId": transaction_id}
    assert await kit.command("RemoteStopTransaction", asked, ACCEPTED) == asked
    await kit.stop(transaction_id, "Remote")
    await kit.statuses(1, "Finishing", "Available")


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("Hard", id="tc_013_csms_hard_reset"),
        pytest.param("Soft", id="tc_014_csms_soft_reset"),
    ],
)
async def test_reset(kit: Kit, kind: str) -> None:
    transaction_id = await kit.charging()
    assert await kit.command("Reset", {"type": kind}, ACCEPTED) == {"type": kind}
    await kit.stop(transaction_id, f"{kind}Reset")
    await kit.reconnect()
    await kit.boot()


async def test_tc_017_1_csms_unlock_without_session(kit: Kit) -> None:
    await kit.command("UnlockConnector", {"connectorId": 1}, {"status": "Unlocked"})


async def test_tc_017_2_csms_unlock_of_a_fixed_cable(kit: Kit) -> None:
    await kit.command("UnlockConnector", {"connectorId": 1}, {"status": "NotSupported"})


async def test_tc_018_1_csms_unlock_with_session(kit: Kit) -> None:
    transaction_id = await kit.charging()
    await kit.command("UnlockConnector", {"connectorId": 1}, {"status": "Unlocked"})
    await kit.status(1, "Finishing")
    await kit.stop(transaction_id, "UnlockCommand")
    await kit.status(1, "Available")


async def test_tc_019_1_csms_all_configuration_keys(kit: Kit) -> None:
    keys = [
        {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        {"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core,Reservation"},
    ]
    assert await kit.command("GetConfiguration", {}, {"configurationKey": keys}) == {}


async def test_tc_019_2_csms_one_configuration_key(kit: Kit) -> None:
    key = {"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core"}
    asked = {"key": ["SupportedFeatureProfiles"]}
    answer = {"configurationKey": [key], "unknownKey": []}
    assert await kit.command("GetConfiguration", asked, answer) == asked


@pytest.mark.parametrize(
    ("key", "value", "answer"),
    [
        pytest.param("MeterValueSampleInterval", "60", "Accepted", id="tc_021_csms"),
        pytest.param("MeterValueSampleInterval", "60", "NotSupported", id="tc_040_1_csms"),
        pytest.param("MeterValueSampleInterval", "-1", "Rejected", id="tc_040_2_csms"),
    ],
)
async def test_change_configuration(kit: Kit, key: str, value: str, answer: str) -> None:
    asked = {"key": key, "value": value}
    assert await kit.command("ChangeConfiguration", asked, {"status": answer}) == asked


@pytest.mark.parametrize(
    ("id_tag", "status"),
    [
        pytest.param("UNKNOWN-TAG", "Invalid", id="tc_023_1_csms"),
        pytest.param("EXPIRED-TAG", "Expired", id="tc_023_2_csms"),
        pytest.param("BLOCKED-TAG", "Blocked", id="tc_023_3_csms"),
    ],
)
async def test_authorize_refused(kit: Kit, id_tag: str, status: str) -> None:
    await kit.status(1, "Preparing")
    await kit.authorize(id_tag, status)


async def test_tc_024_csms_lock_failure(kit: Kit) -> None:
    await kit.authorize()
    await kit.status(1, "Preparing")
    await kit.status(1, "Faulted", "ConnectorLockFailure")


async def test_tc_026_csms_remote_start_rejected(kit: Kit) -> None:
    asked = {"idTag": VALID, "connectorId": 1}
    await kit.command("RemoteStartTransaction", asked, {"status": "Rejected"})


async def test_tc_028_csms_remote_stop_rejected(kit: Kit) -> None:
    transaction_id = await kit.charging()
    asked = {"transactionId": transaction_id + 1}
    await kit.command("RemoteStopTransaction", asked, {"status": "Rejected"})
    assert (await kit.transaction(transaction_id))["status"] == "Active"


async def test_tc_030_csms_unlock_failed(kit: Kit) -> None:
    await kit.command("UnlockConnector", {"connectorId": 1}, {"status": "UnlockFailed"})


async def test_tc_031_csms_unlock_of_an_unknown_connector(kit: Kit) -> None:
    asked = {"connectorId": 99}
    assert await kit.command("UnlockConnector", asked, {"status": "NotSupported"}) == asked


async def test_tc_032_1_csms_power_failure(kit: Kit) -> None:
    transaction_id = await kit.charging()
    await kit.reconnect()
    await kit.boot()
    await kit.status(1, "Finishing")
    await kit.stop(transaction_id, "PowerLoss")
    await kit.status(1, "Available")


async def test_tc_037_1_csms_offline_start(kit: Kit) -> None:
    began = moment(minutes=30)
    await kit.reconnect()
    transaction_id = await kit.start(timestamp=began)
    await kit.status(1, "Charging")
    assert (await kit.transaction(transaction_id))["startTimestamp"][:19] == began[:19]


async def test_tc_037_3_csms_offline_start_with_an_invalid_id_tag(kit: Kit) -> None:
    await kit.reconnect()
    transaction_id = await kit.start("UNKNOWN-TAG", "Invalid", timestamp=moment(minutes=30))
    await kit.status(1, "Charging")
    await kit.stop(transaction_id, "DeAuthorized", idTag="UNKNOWN-TAG")
    await kit.status(1, "Finishing")


async def test_tc_039_csms_offline_transaction(kit: Kit) -> None:
    await kit.reconnect()
    transaction_id = await kit.start(timestamp=moment(hours=2))
    await kit.stop(transaction_id, "Local", timestamp=moment(hours=1))


async def test_tc_064_csms_data_transfer(kit: Kit) -> None:
    answer = await kit.call("DataTransfer", {"vendorId": "Unrecognized.Vendor", "data": "x"})
    assert answer["status"] in ("Rejected", "UnknownMessageId", "UnknownVendorId")
