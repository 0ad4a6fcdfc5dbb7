"""A charge point that is connected and has not booted: what csms asks of it, and people may."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from csms.domain import unanswered
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

ACCEPTED = {"status": "Accepted"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
PATH = "/admin/charge-points/CP1"
BOOT = {"requestedMessage": "BootNotification"}


async def unbooted(system: System, **fields: Any) -> ScriptedChargePoint:
    await system.whitelist(**fields)
    charge_point = await system.connect()
    # It is let in a moment after the upgrade.
    await eventually(system.record, lambda record: record.get("ocppSessionId"))
    return charge_point


async def refused(charge_point: ScriptedChargePoint) -> None:
    """A Call that is refused because there was no boot."""
    frame = await charge_point.ask("StatusNotification", STATUS)
    assert (frame[0], frame[2]) == (4, "SecurityError")


async def commands(system: System) -> list[dict[str, Any]]:
    _, page = await system.rest("GET", f"{PATH}/commands")
    return list(page["items"])


def post(system: System, path: str, body: Any = None) -> asyncio.Task[tuple[int, Any]]:
    return asyncio.ensure_future(system.rest("POST", f"{PATH}/{path}", body))


async def test_a_refused_call_triggers_the_boot(system: System) -> None:
    charge_point = await unbooted(system)
    await refused(charge_point)
    unique_id, payload = await charge_point.expect("TriggerMessage")
    assert payload == BOOT
    charge_point.reply(unique_id, ACCEPTED)
    assert (await charge_point.boot())["status"] == "Accepted"
    assert await charge_point.call("StatusNotification", STATUS) == {}
    [command] = await eventually(
        lambda: commands(system), lambda found: found[0]["status"] == "Answered"
    )
    assert (command["action"], command["requestedBy"]) == ("TriggerMessage", "csms")


async def test_it_is_triggered_once_and_then_with_growing_pauses(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unanswered, "PAUSES", (timedelta(hours=1),))
    charge_point = await unbooted(system)
    charge_point.answers["TriggerMessage"] = lambda _: {"status": "Rejected"}
    await refused(charge_point)
    record = await eventually(system.record, lambda r: r.get("bootUnanswered"))
    assert record["bootUnanswered"]["times"] == 1
    for _ in range(3):
        await refused(charge_point)
    await charge_point.close()
    # The pause holds across connections too.
    charge_point = await system.connect()
    await refused(charge_point)
    await refused(charge_point)
    assert len(await commands(system)) == 1
    assert charge_point.waiting_calls == 0
    assert (await charge_point.boot())["status"] == "Accepted"
    await eventually(system.record, lambda r: r["bootUnanswered"] is None)


async def test_one_that_does_not_boot_is_left_alone_in_the_end(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unanswered, "PAUSES", (timedelta(milliseconds=1),) * 2)
    charge_point = await unbooted(system)
    charge_point.answers["TriggerMessage"] = lambda _: ACCEPTED
    await refused(charge_point)
    await eventually(system.record, lambda r: (r.get("bootUnanswered") or {}).get("times") == 3)
    await refused(charge_point)
    # A command of a person still goes through, and nothing of csms' own before it.
    assert (await post(system, "commands", {"action": "TriggerMessage", "payload": BOOT}))[0] == 200
    found = await commands(system)
    assert [one["requestedBy"] for one in found] == ["environment", "csms", "csms", "csms"]


async def test_an_unknown_identity_is_asked_nothing(system: System) -> None:
    await system.whitelist(None, id="CP1", serialNumber="SN-1")
    stranger = await system.connect("unknown")
    await refused(stranger)
    assert (await stranger.boot(chargePointSerialNumber="SN-2"))["status"] == "Rejected"
    assert (await stranger.closed())[0] == 1008
    assert stranger.waiting_calls == 0 and await commands(system) == []


async def test_a_rejected_boot_is_followed_by_no_question(system: System) -> None:
    charge_point = await unbooted(system, serialNumber="SN-1")
    boot = charge_point.start(
        "BootNotification",
        {"chargePointVendor": "A", "chargePointModel": "B", "chargePointSerialNumber": "SN-2"},
    )
    charge_point.start("StatusNotification", STATUS)
    assert (await boot)[2]["status"] == "Rejected"
    assert await charge_point.closed() == (1008, "Serial mismatch")
    assert charge_point.waiting_calls == 0 and await commands(system) == []


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("TriggerMessage", BOOT),
        ("ExtendedTriggerMessage", BOOT),
        ("Reset", {"type": "Soft"}),
    ],
)
async def test_what_may_be_sent_by_hand(
    system: System, action: str, payload: dict[str, Any]
) -> None:
    charge_point = await unbooted(system)
    charge_point.answers[action] = lambda _: ACCEPTED
    status, outcome = await post(system, "commands", {"action": action, "payload": payload})
    assert (status, outcome["status"], outcome["response"]) == (200, "Answered", ACCEPTED)


async def test_all_else_is_a_409_that_says_why(system: System) -> None:
    charge_point = await unbooted(system)
    for path, body in (
        ("commands", {"action": "ClearCache"}),
        ("remote-start", {"idTag": "T"}),
        ("refresh-connectors", None),
        ("get-diagnostics", None),
    ):
        status, problem = await post(system, path, body)
        assert (status, problem["title"]) == (409, "The charge point has not booted"), path
        assert "has not sent its BootNotification" in problem["detail"]
        assert "TriggerMessage" in problem["detail"] and "Reset" in problem["detail"]
    assert charge_point.waiting_calls == 0
    assert (await commands(system))[0]["outcome"] == "notSent"


async def test_verify_has_it_boot(system: System) -> None:
    charge_point = await unbooted(system, serialNumber="SN-1", connectorCount=2)
    charge_point.configure({"NumberOfConnectors": "2"})
    asked = post(system, "verify")
    unique_id, payload = await charge_point.expect("TriggerMessage")
    assert payload == BOOT
    charge_point.reply(unique_id, ACCEPTED)
    await charge_point.boot(chargePointSerialNumber="sn-1")
    status, verification = await asked
    assert (status, verification["verdict"]) == (200, "match")
    fields = {field["field"]: field["result"] for field in verification["fields"]}
    assert fields["serialNumber"] == fields["connectorCount"] == "match"


async def test_verify_says_when_it_will_not_boot(system: System) -> None:
    charge_point = await unbooted(system, serialNumber="SN-1")
    charge_point.answers["TriggerMessage"] = lambda _: {"status": "NotImplemented"}
    status, verification = await post(system, "verify")
    assert (status, verification["verdict"]) == (200, "unverifiable")


async def test_a_reset_is_done_when_a_boot_follows(system: System) -> None:
    charge_point = await system.online()
    asked = post(system, "commands", {"action": "Reset", "payload": {"type": "Hard"}})
    await charge_point.expect("Reset")
    charge_point.socket.close()
    status, problem = await asked
    assert (status, problem["outcome"]) == (504, "sentNoAnswer")
    charge_point = await system.connect()
    await charge_point.boot()
    [reset] = await eventually(lambda: commands(system), lambda f: f[0]["outcome"] == "done")
    assert (reset["status"], reset["id"]) == ("Timeout", problem["commandId"])


async def test_a_reset_that_boots_on_the_same_socket_is_done_too(system: System) -> None:
    charge_point = await system.online()
    charge_point.answers["Reset"] = lambda _: ACCEPTED
    status, outcome = await post(
        system, "commands", {"action": "Reset", "payload": {"type": "Soft"}}
    )
    assert (status, outcome["outcome"]) == (200, "answered")
    await charge_point.boot()
    [reset] = await eventually(lambda: commands(system), lambda f: f[0]["outcome"] == "done")
    assert reset["status"] == "Answered"
