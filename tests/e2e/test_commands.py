"""Commands: from REST to a charge point and back, with every way it can end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.e2e.test_messages import add_tag, start
from tests.support.charge_point import BOOT
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test


async def last_command(system: System) -> dict[str, Any]:
    _, page = await system.rest("GET", "/admin/charge-points/CP1/commands?limit=1")
    return dict(page["items"][0])


def post(system: System, path: str, body: Any = None) -> asyncio.Task[tuple[int, Any]]:
    return asyncio.ensure_future(system.rest("POST", f"/admin/charge-points/CP1/{path}", body))


async def test_remote_start_leads_to_a_transaction(system: System) -> None:
    await add_tag(system)
    charge_point = await system.online()
    answer = post(system, "remote-start", {"connectorId": 1, "idTag": "TAG1"})
    unique_id, payload = await charge_point.expect("RemoteStartTransaction")
    assert payload == {"connectorId": 1, "idTag": "TAG1"}
    charge_point.reply(unique_id, {"status": "Accepted"})
    # Back to back, as real ones do: the answer may not be on record yet.
    started = await charge_point.call("StartTransaction", start())
    status, outcome = await answer
    assert status == 200
    assert outcome == {
        "id": outcome["id"], "action": "RemoteStartTransaction", "status": "Answered",
        "outcome": "answered", "response": {"status": "Accepted"},
    }  # fmt: skip
    command = await eventually(lambda: last_command(system), lambda c: c["status"] == "Answered")
    assert command["id"] == outcome["id"]
    assert command["transactionId"] == started["transactionId"]
    assert (command["requestedBy"], command["chargePointId"]) == ("environment", "CP1")
    _, transaction = await system.rest("GET", f"/admin/transactions/{started['transactionId']}")
    assert transaction["commandId"] == outcome["id"]


async def test_a_refused_remote_start_is_linked_to_nothing(system: System) -> None:
    charge_point = await system.online()
    charge_point.answers["RemoteStartTransaction"] = lambda _: {"status": "Rejected"}
    status, outcome = await post(system, "remote-start", {"idTag": "TAG1"})
    assert (status, outcome["response"]) == (200, {"status": "Rejected"})
    await charge_point.call("StartTransaction", start())
    assert (await last_command(system))["transactionId"] is None


async def test_remote_stop(system: System) -> None:
    charge_point = await system.online()
    answer = post(system, "remote-stop", {"transactionId": 99999})
    unique_id, payload = await charge_point.expect("RemoteStopTransaction")
    assert payload == {"transactionId": 99999}
    charge_point.reply(unique_id, {"status": "Rejected"})
    assert (await answer)[0] == 200


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("RemoteStartTransaction", {"idTag": "T", "connectorId": 99}),
        ("RemoteStopTransaction", {"transactionId": 5}),
        ("GetConfiguration", {}),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}),
        ("Reset", {"type": "Soft"}),
        ("UnlockConnector", {"connectorId": 1}),
        ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}),
        ("ClearCache", {}),
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
        ("DataTransfer", {"vendorId": "v", "data": "d"}),
    ],
)
async def test_every_command_is_sent_as_it_is(
    system: System, action: str, payload: dict[str, Any]
) -> None:
    charge_point = await system.online()
    answer = post(system, "commands", {"action": action, "payload": payload})
    unique_id, received = await charge_point.expect(action)
    assert received == payload
    response = {"status": "Accepted"} if action != "GetConfiguration" else {}
    charge_point.reply(unique_id, response)
    status, outcome = await answer
    assert (status, outcome["action"], outcome["response"]) == (200, action, response)
    assert (await last_command(system))["response"] == response


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("remote-start", {"idTag": "x" * 21}, "idTag"),
        ("remote-start", {}, "idTag"),
        ("remote-start", {"idTag": "x", "connectorId": 0}, "connectorId"),
        ("remote-start", {"idTag": "x", "bogus": 1}, "bogus"),
        ("remote-stop", {"transactionId": "7"}, "transactionId"),
        ("commands", {"action": "Dance"}, "action"),
        ("commands", {"action": "Heartbeat"}, "action"),
        ("commands", {"action": "Reset", "payload": {"type": "Warm"}}, "type"),
        ("commands", {"action": "Reset", "payload": {"type": "Soft", "x": 1}}, "x"),
        ("commands", {"action": "Reset"}, "type"),
    ],
)
async def test_mistakes_are_a_422_and_never_sent(
    system: System, path: str, body: dict[str, Any], field: str
) -> None:
    charge_point = await system.online()
    status, problem = await post(system, path, body)
    assert status == 422
    assert field in [error["field"].split(".")[-1] for error in problem["errors"]]
    charge_point.answers["ClearCache"] = lambda _: {"status": "Accepted"}
    assert (await post(system, "commands", {"action": "ClearCache"}))[0] == 200
    assert await system.database.commands.count_documents({}) == 1


async def test_not_connected_is_a_409(system: System) -> None:
    await system.whitelist()
    for path, body in (
        ("remote-start", {"idTag": "T"}),
        ("refresh-connectors", None),
        ("verify", None),
        ("commands", {"action": "ClearCache"}),
    ):
        status, problem = await post(system, path, body)
        assert (status, problem["title"]) == (409, "Charger not connected"), path
    command = await last_command(system)
    assert (command["status"], command["outcome"]) == ("Offline", "notSent")
    assert (problem["commandId"], problem["outcome"]) == (command["id"], "notSent")
    status, _ = await system.rest("POST", "/admin/charge-points/nobody/verify")
    assert status == 404


async def test_a_call_error_is_a_502(system: System) -> None:
    charge_point = await system.online()
    answer = post(system, "commands", {"action": "ClearCache"})
    unique_id, _ = await charge_point.expect("ClearCache")
    charge_point.send([4, unique_id, "NotSupported", "no cache", {}])
    status, problem = await answer
    assert status == 502 and "NotSupported" in problem["detail"]
    command = await last_command(system)
    assert (command["status"], command["outcome"]) == ("CallError", "callError")
    assert command["error"] == {"code": "NotSupported", "description": "no cache"}


async def test_no_answer_is_a_504_and_the_next_command_goes_through(system: System) -> None:
    system.central_system.settings.call_timeout = 0.2
    charge_point = await system.online()
    answer = post(system, "commands", {"action": "ClearCache"})
    late, _ = await charge_point.expect("ClearCache")
    assert (await answer)[0] == 504
    command = await last_command(system)
    assert (command["status"], command["outcome"]) == ("Timeout", "sentNoAnswer")
    system.central_system.settings.call_timeout = 5
    charge_point.reply(late, {"status": "Accepted"})
    answer = post(system, "commands", {"action": "ClearCache"})
    unique_id, _ = await charge_point.expect("ClearCache")
    charge_point.reply(unique_id, {"status": "Rejected"})
    assert (await answer)[1]["response"] == {"status": "Rejected"}


async def test_a_charge_point_that_vanishes_gives_a_definite_answer(system: System) -> None:
    charge_point = await system.online()
    answers = [post(system, "commands", {"action": "ClearCache"}) for _ in range(3)]
    await charge_point.expect("ClearCache")
    charge_point.socket.close()
    # Whichever came first has been sent.
    *others, (status, problem) = sorted(
        [await answer for answer in answers], key=lambda answer: answer[0]
    )
    # A script that sends it again may have it done twice.
    assert (status, problem["outcome"]) == (504, "sentNoAnswer")
    assert "it was sent, and the connection closed" in problem["detail"]
    assert [(status, problem["outcome"]) for status, problem in others] == [(409, "notSent")] * 2
    _, page = await system.rest("GET", "/admin/charge-points/CP1/commands")
    recorded = {item["id"]: (item["status"], item["outcome"]) for item in page["items"]}
    assert recorded[problem["commandId"]] == ("Timeout", "sentNoAnswer")
    assert sorted(recorded.values())[:2] == [("Offline", "notSent")] * 2


async def test_calls_go_out_one_at_a_time_and_in_order(system: System) -> None:
    charge_point = await system.online()
    first = post(system, "commands", {"action": "ClearCache"})
    unique_id, _ = await charge_point.expect("ClearCache")
    second = post(system, "commands", {"action": "Reset", "payload": {"type": "Soft"}})
    # While one is out, the other direction is served, and nothing else is sent.
    assert await charge_point.call("Heartbeat", {})
    assert charge_point._calls.empty()
    charge_point.reply(unique_id, {"status": "Accepted"})
    unique_id, _ = await charge_point.expect("Reset")
    charge_point.reply(unique_id, {"status": "Accepted"})
    assert [(await answer)[0] for answer in (first, second)] == [200, 200]


async def test_a_new_authorization_key_replaces_the_old_once_it_is_used(system: System) -> None:
    old, new = "the old key of 20 b.", "the new key of 20 b."
    await system.whitelist(authorizationKey=old)
    charge_point = await system.connect(password=old)
    await charge_point.boot()
    charge_point.answers["ChangeConfiguration"] = lambda _: {"status": "Accepted"}
    command = {"key": "AuthorizationKey", "value": new}
    status, _ = await post(
        system, "commands", {"action": "ChangeConfiguration", "payload": command}
    )
    assert status == 200
    for password in (old, new, new):
        charge_point = await system.connect(password=password)
        assert await charge_point.call("Heartbeat", {})
    with pytest.raises(Exception, match="401"):
        await system.connect(password=old)


async def test_secrets_in_a_configuration_are_masked(system: System) -> None:
    charge_point = await system.online()
    charge_point.configure({"WifiPassword": "hush", "HeartbeatInterval": "300"})
    _, outcome = await post(system, "commands", {"action": "GetConfiguration"})
    values = {e["key"]: e["value"] for e in outcome["response"]["configurationKey"]}
    assert values == {"WifiPassword": "********", "HeartbeatInterval": "300"}
    assert "hush" not in repr(await last_command(system))


async def test_verify_matches(system: System) -> None:
    await system.whitelist(serialNumber="SN-1", connectorCount=2)
    charge_point = await system.connect()
    charge_point.configure({"NumberOfConnectors": "2", "Connector1-Type": "Type 2"})
    await charge_point.boot(chargePointSerialNumber="sn-1")
    assert (await post(system, "refresh-connectors"))[0] == 200
    status, verification = await post(system, "verify")
    assert (status, verification["verdict"]) == (200, "match")
    fields = {field["field"]: field for field in verification["fields"]}
    assert fields["serialNumber"] == {
        "field": "serialNumber", "expected": "SN-1", "reported": "sn-1", "result": "match",
        "source": "BootNotification of this connection",
    }  # fmt: skip
    assert {name: field["result"] for name, field in fields.items()} == {
        "chargePointIdentity": "match", "serialNumber": "match", "vendor": "match",
        "model": "match", "firmwareVersion": "match", "connectorCount": "match",
        "connectors.1.type": "match", "connectors.2.type": "unverifiable",
    }  # fmt: skip


async def test_verify_with_a_fresh_boot_finds_another_charge_point(system: System) -> None:
    await system.whitelist(serialNumber="SN-1")
    charge_point = await system.connect()
    charge_point.configure({})
    await charge_point.boot(chargePointSerialNumber="SN-1")
    answer = post(system, "verify", {"freshBoot": True})
    unique_id, payload = await charge_point.expect("TriggerMessage")
    assert payload == {"requestedMessage": "BootNotification"}
    charge_point.reply(unique_id, {"status": "Accepted"})
    boot = BOOT | {"chargePointSerialNumber": "SN-2", "firmwareVersion": "9"}
    rejected = await charge_point.call("BootNotification", boot)
    assert rejected["status"] == "Rejected"
    status, verification = await answer
    assert (status, verification["verdict"]) == (200, "mismatch")
    fields = {field["field"]: field for field in verification["fields"]}
    assert fields["serialNumber"]["result"] == fields["firmwareVersion"]["result"] == "mismatch"
    assert fields["serialNumber"]["source"].startswith("BootNotification asked for at")


async def test_verify_says_when_it_cannot_tell(system: System) -> None:
    await system.whitelist(serialNumber="SN-1")
    charge_point = await system.connect()
    charge_point.configure({})
    await charge_point.boot()
    _, verification = await post(system, "verify", {})
    assert verification["verdict"] == "unverifiable"
