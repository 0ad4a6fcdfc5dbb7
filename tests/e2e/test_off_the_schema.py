"""Messages a little off the schema, on a real socket: served, stored, counted, and shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.actions.support import documents
from tests.support.charge_point import BOOT
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

NOW = "2026-11-23T12:00:00Z"


async def quirks(system: System, fits: Any) -> dict[str, int]:
    """The quirks that REST shows of the charge point, when they fit."""

    async def read() -> Any:
        return (await system.rest("GET", "/admin/charge-points/CP1"))[1]["quirks"]

    return dict(await eventually(read, fits))


async def messages(system: System, fits: Any) -> list[dict[str, Any]]:
    """The message log, when it fits."""
    return await eventually(lambda: documents(system, "messages"), fits)


async def test_a_boot_with_fields_of_its_own_and_a_long_vendor_is_accepted(system: System) -> None:
    await system.whitelist()
    charge_point = await system.connect()
    vendor = "Example Charging Systems Co., Ltd."
    boot = BOOT | {"chargePointVendor": vendor, "ocppVersion": "1.6J", "firmwareversion": "9"}
    del boot["firmwareVersion"]
    answer = await charge_point.call("BootNotification", boot)
    assert answer["status"] == "Accepted"
    record = await system.record()
    assert (record["vendor"], record["firmwareVersion"]) == (vendor, "9")
    seen = await quirks(system, lambda shown: len(shown) == 3)
    assert seen == {"overlongText": 1, "unknownProperty": 1, "propertyCase": 1}
    # What was set aside is in the log.
    [logged, *_] = await messages(system, lambda found: found)
    assert '"ocppVersion":"1.6J"' in logged["request"]


async def test_a_boot_without_vendor_and_model_is_accepted(system: System) -> None:
    await system.whitelist()
    charge_point = await system.connect()
    boot = {"chargePointVendor": None, "firmwareVersion": "1"}
    assert (await charge_point.call("BootNotification", boot))["status"] == "Accepted"
    record = await system.record()
    assert (record["vendor"], record["model"], record["firmwareVersion"]) == (None, None, "1")


async def test_id_tags_are_compared_whole_and_without_case(system: System) -> None:
    for id_tag in ("ABCDEFGHIJKLMNOPQRST", "LONG-ABCDEFGHIJKLMNOPQRST"):
        assert (await system.rest("POST", "/admin/id-tags", {"idTag": id_tag}))[0] == 201
    charge_point = await system.online()
    for sent, status in [
        ("abcdefghijklmnopqrst\x10\x0e", "Accepted"),
        (" ABCDEFGHIJKLMNOPQRST ", "Accepted"),
        ("ABCDEFGHIJKLMNOPQRST-", "Invalid"),
        ("long-ABCDEFGHIJKLMNOPQRST", "Accepted"),
        ("", "Invalid"),
        (None, "Invalid"),
    ]:
        answer = await charge_point.call("Authorize", {"idTag": sent})
        assert answer == {"idTagInfo": {"status": status}}, sent


async def test_a_heartbeat_with_fields_is_a_heartbeat(system: System) -> None:
    charge_point = await system.online()
    assert set(await charge_point.call("Heartbeat", {"uptime": 5})) == {"currentTime"}
    # The log leaves heartbeats out, but shows what is odd about one of them.
    logged = await messages(system, lambda found: [m for m in found if m["action"] == "Heartbeat"])
    assert [m["request"] for m in logged if m["action"] == "Heartbeat"] == ['{"uptime":5}']
    await charge_point.call("Heartbeat", {"uptime": 6})
    await quirks(system, lambda shown: shown == {"unknownProperty": 2})
    logged = await documents(system, "messages")
    assert len([m for m in logged if m["action"] == "Heartbeat"]) == 1


async def test_an_action_in_another_case_is_served(system: System) -> None:
    charge_point = await system.online()
    start = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": NOW}
    number = (await charge_point.call("startTransaction", start))["transactionId"]
    stop = {"transactionId": number, "meterStop": 700, "timestamp": NOW}
    assert await charge_point.call("STOPTRANSACTION", stop) == {}
    [stored] = await documents(system, "transactions")
    assert (stored["status"], stored["energyWh"]) == ("Completed", 700)
    assert (await quirks(system, lambda shown: shown))["actionCase"] == 2
    logged = await messages(system, lambda found: len(found) >= 3)
    assert {m["action"] for m in logged} >= {"StartTransaction", "StopTransaction"}


async def test_a_fault_without_a_status_and_a_connector_below_0_are_kept(system: System) -> None:
    charge_point = await system.online()
    charging = {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}
    await charge_point.call("StatusNotification", charging)
    fault = {"connectorId": 1, "errorCode": "GroundFailure", "info": "RCD"}
    assert await charge_point.call("StatusNotification", fault) == {}
    whole = {"connectorId": -1, "status": "Unavailable", "errorCode": "OtherError"}
    assert await charge_point.call("StatusNotification", whole) == {}
    record = await system.record()
    [connector] = record["connectors"]
    shown = (connector["status"], connector["errorCode"], connector["info"])
    assert shown == ("Charging", "GroundFailure", "RCD")
    assert (record["status"], record["errorCode"]) == ("Unavailable", "OtherError")


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ("FirmwareStatusNotification", "firmwareStatus"),
        ("DiagnosticsStatusNotification", "diagnosticsStatus"),
        ("LogStatusNotification", "logStatus"),
    ],
)
async def test_statuses_that_ocpp_does_not_list_are_kept(
    system: System, action: str, field: str
) -> None:
    charge_point = await system.online()
    assert await charge_point.call(action, {"status": "Verifying", "progress": 5}) == {}
    assert (await system.record())[field] == "Verifying"


async def test_security_events_without_a_time_are_each_kept(system: System) -> None:
    charge_point = await system.online()
    for _ in range(2):
        await charge_point.call("SecurityEventNotification", {"type": "ResetOrReboot", "x": 1})
    events = await documents(system, "security_events")
    assert [event["flags"] for event in events] == [["unreadableTimestamp"]] * 2
    assert (await system.record())["criticalSecurityEvent"] == "ResetOrReboot"


async def test_a_boot_of_ocpp_201_is_refused_and_named(system: System) -> None:
    await system.whitelist()
    charge_point = await system.connect()
    boot = {"chargingStation": {"vendorName": "v", "model": "m"}, "reason": "PowerUp"}
    frame = await charge_point.ask("BootNotification", boot)
    assert frame[0] == 4
    assert "set the charge point to OCPP 1.6J" in frame[3]

    async def trouble() -> Any:
        record = (await system.rest("GET", "/admin/charge-points/CP1"))[1]
        return record["protocolTrouble"]["refusedCalls"]

    wanted = [{"action": "BootNotification", "reason": "ocpp201Shaped", "count": 1}]
    await eventually(trouble, lambda found: found == wanted)


async def test_what_has_no_meaning_left_is_refused_and_counted(system: System) -> None:
    charge_point = await system.online()
    for payload in ({}, {"unheard": 1}):
        frame = await charge_point.ask("StopTransaction", payload)
        assert frame[0] == 4

    async def trouble() -> Any:
        return (await system.record()).get("protocolTrouble") or {}

    counted = await eventually(trouble, lambda found: found)
    assert counted["refusedCalls"] == {"StopTransaction": {"OccurenceConstraintViolation": 2}}
    assert counted["lastAt"] is not None
    metrics = (await system.fetch("GET", "/metrics")).body.decode()
    assert 'csms_protocol_trouble_total{kind="refusedCalls"} 2.0' in metrics


@pytest.mark.parametrize("field", ["transactionId", "meterStop", "timestamp"])
async def test_a_stop_with_a_field_nested_without_end(system: System, field: str) -> None:
    charge_point = await system.online()
    stop = {"transactionId": 0, "meterStop": 5000, "timestamp": NOW, "idTag": "TAG1"}
    text = json.dumps([2, "stop", "StopTransaction", stop | {field: "DEEP"}])
    deep = "[" * 1010 + "]" * 1010
    charge_point.send(text.replace('"DEEP"', deep))
    # Calls are served in their order.
    await charge_point.call("Heartbeat", {})
    [orphan] = await documents(system, "transactions")
    assert orphan["status"] == "Orphaned"
