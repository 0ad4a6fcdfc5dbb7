"""Connectors: discovered after the boot, refreshed on demand, typed by an admin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from csms.config import Settings
from csms.connections import outbox
from csms.domain import unanswered
from tests.support import PATIENCE
from tests.support.charge_point import ScriptedChargePoint, configuration_answer
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"connector_sync": True})


async def booted(system: System, configuration: dict[str, str]) -> ScriptedChargePoint:
    await system.whitelist()
    charge_point = await system.connect()
    charge_point.configure(configuration)
    await charge_point.boot()
    return charge_point


def types(record: dict[str, Any]) -> list[tuple[int, str, str | None]]:
    return [(c["connectorId"], c["type"], c["typeRaw"]) for c in record["connectors"]]


async def refresh(system: System) -> tuple[int, Any]:
    return await system.rest("POST", "/admin/charge-points/CP1/refresh-connectors")


async def test_connectors_are_discovered_after_the_boot(system: System) -> None:
    await booted(
        system,
        {
            "NumberOfConnectors": "3",
            "Connector1-Type": "CCS Combo 2 (Type 2)",
            "Connector2-Type": "Type 2",
            "Connector3-Type": "Schuko",
        },
    )
    record = await eventually(system.record, lambda record: len(record["connectors"]) == 3)
    assert record["connectorCount"] == 3
    assert types(record) == [
        (1, "CCS_COMBO_2", "CCS Combo 2 (Type 2)"),
        (2, "TYPE_2", "Type 2"),
        (3, "UNKNOWN", "Schuko"),
    ]


async def test_types_are_asked_in_portions(system: System) -> None:
    asked: list[int] = []
    configuration = {"NumberOfConnectors": "7", "GetConfigurationMaxKeys": "3"}
    configuration |= {f"Connector{n}-Type": "Type 2" for n in range(1, 8)}
    await system.whitelist()
    charge_point = await system.connect()
    charge_point.configure(configuration)
    answer = charge_point.answers["GetConfiguration"]

    def counted(payload: dict[str, Any]) -> dict[str, Any] | None:
        asked.append(len(payload["key"]))
        return answer(payload)

    charge_point.answers["GetConfiguration"] = counted
    await charge_point.boot()
    await eventually(system.record, lambda record: len(record["connectors"]) == 7)
    assert asked == [2, 3, 3, 1]


async def test_an_answer_that_ignores_the_filter_is_enough(system: System) -> None:
    charge_point = await booted(system, {})
    everything = {"NumberOfConnectors": "1", "Connector1-Type": "CHAdeMO"}
    entries = [{"key": key, "readonly": True, "value": value} for key, value in everything.items()]
    charge_point.answers["GetConfiguration"] = lambda _: {"configurationKey": entries}
    status, answer = await refresh(system)
    assert status == 200
    assert [c["type"] for c in answer["connectors"]] == ["CHADEMO"]


async def test_refresh_creates_keeps_and_removes(system: System) -> None:
    configuration = {"NumberOfConnectors": "2", "Connector1-Type": "Type 2"}
    charge_point = await booted(system, configuration)
    await eventually(system.record, lambda record: len(record["connectors"]) == 2)
    await charge_point.call(
        "StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}
    )
    await charge_point.call(
        "StatusNotification", {"connectorId": 3, "status": "Available", "errorCode": "NoError"}
    )
    assert len((await system.record())["connectors"]) == 3
    configuration["NumberOfConnectors"] = "1"
    status, answer = await refresh(system)
    assert status == 200
    [connector] = answer["connectors"]
    assert (connector["connectorId"], connector["status"], connector["type"]) == (
        1, "Charging", "TYPE_2"
    )  # fmt: skip
    assert (await system.record())["connectorCount"] == 1
    _, commands = await system.rest("GET", "/admin/charge-points/CP1/commands")
    assert {command["action"] for command in commands["items"]} == {"GetConfiguration"}


@pytest.mark.parametrize("told", ["1850027108", "0", "many"])
async def test_an_impossible_count_is_flagged_and_ignored(system: System, told: str) -> None:
    charge_point = await booted(system, {"NumberOfConnectors": "2"})
    await eventually(system.record, lambda record: len(record["connectors"]) == 2)
    charge_point.configure({"NumberOfConnectors": told})
    assert (await refresh(system))[0] == 200
    record = await system.record()
    assert len(record["connectors"]) == record["connectorCount"] == 2
    assert "implausibleConnectorCount" in record["flags"]
    charge_point.configure({"NumberOfConnectors": "2"})
    await refresh(system)
    assert "implausibleConnectorCount" not in (await system.record())["flags"]


async def test_a_charge_point_that_refuses_keeps_its_connectors(system: System) -> None:
    charge_point = await booted(system, {"NumberOfConnectors": "2"})
    await eventually(system.record, lambda record: len(record["connectors"]) == 2)
    del charge_point.answers["GetConfiguration"]

    await charge_point.boot()
    unique_id, _ = await charge_point.expect("GetConfiguration")
    charge_point.send([4, unique_id, "NotSupported", "", {}])
    assert await charge_point.call("Heartbeat", {})
    assert len((await system.record())["connectors"]) == 2


async def test_an_admins_type_stays(system: System) -> None:
    await booted(system, {"NumberOfConnectors": "1", "Connector1-Type": "Type 2"})
    await eventually(system.record, lambda record: record["connectors"])
    status, record = await system.rest(
        "PATCH", "/admin/charge-points/CP1/connectors/1", {"type": "NACS"}
    )
    assert status == 200
    assert [(c["type"], c["typeSource"]) for c in record["connectors"]] == [("NACS", "admin")]
    status, answer = await refresh(system)
    assert (status, answer["connectors"][0]["type"]) == (200, "NACS")


async def test_a_type_may_be_set_before_the_connector_was_seen(system: System) -> None:
    await system.whitelist(connectorCount=2)
    path = "/admin/charge-points/CP1/connectors"
    assert (await system.rest("PATCH", f"{path}/2", {"type": "CHADEMO"}))[0] == 200
    assert types(await system.record()) == [(2, "CHADEMO", None)]
    for connector_id in ("3", "0", "x"):
        status, _ = await system.rest("PATCH", f"{path}/{connector_id}", {"type": "CHADEMO"})
        assert status == 404
    status, problem = await system.rest("PATCH", f"{path}/1", {"type": "PLUG"})
    assert (status, problem["errors"][0]["field"]) == (422, "type")


async def test_the_automatic_question_can_be_switched_off(system: System) -> None:
    system.central_system.settings.connector_sync = False
    charge_point = await booted(system, {"NumberOfConnectors": "2"})
    await charge_point.call("Heartbeat", {})
    assert (await refresh(system))[0] == 200
    _, commands = await system.rest("GET", "/admin/charge-points/CP1/commands")
    assert len(commands["items"]) == 2


@pytest.mark.parametrize(("setting", "own"), [(True, False), (False, True)])
async def test_a_charge_point_can_be_an_exception(system: System, setting: bool, own: bool) -> None:
    system.central_system.settings.connector_sync = setting
    await system.whitelist(connectorSync=own)
    charge_point = await system.connect()
    charge_point.configure({"NumberOfConnectors": "2"})
    await charge_point.boot()
    if own:
        await eventually(system.record, lambda record: record["connectorCount"] == 2)
    else:
        await charge_point.call("Heartbeat", {})
        assert (await system.record())["connectorCount"] is None


def pauses(monkeypatch: pytest.MonkeyPatch, *pause: timedelta) -> None:
    monkeypatch.setattr(unanswered, "PAUSES", pause)


def vain(times: int) -> Callable[[dict[str, Any]], bool]:
    return lambda record: (record.get("configurationUnanswered") or {}).get("times") == times


async def silent(system: System) -> ScriptedChargePoint:
    """One that has booted, and never answers GetConfiguration."""
    charge_point = await system.online()
    assert await charge_point.expect("GetConfiguration")
    return charge_point


async def test_a_boot_loop_does_not_queue_questions(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "GIVE_WAY_AFTER", 0.1)
    charge_point = await silent(system)
    for _ in range(4):
        await charge_point.boot()
    charge_point.answers["RemoteStartTransaction"] = lambda _: {"status": "Accepted"}
    started = await system.rest("POST", "/admin/charge-points/CP1/remote-start", {"idTag": "T"})
    assert started[0] == 200
    assert charge_point.waiting_calls == 0


async def test_commands_of_people_go_ahead_of_the_next_question(system: System) -> None:
    await system.whitelist()
    charge_point = await system.connect()
    await charge_point.boot()
    unique_id, payload = await charge_point.expect("GetConfiguration")
    path = "/admin/charge-points/CP1/commands"
    asked = asyncio.ensure_future(system.rest("POST", path, {"action": "ClearCache"}))

    connection = system.central_system.sockets._registry.of("CP1")
    assert connection is not None and connection._outbox is not None
    turns = connection._outbox._turns

    async def waits() -> bool:
        return turns.urgent_waiting == 1

    await eventually(waits, bool)
    charge_point.reply(unique_id, configuration_answer({"NumberOfConnectors": "1"}, payload["key"]))
    unique_id, _ = await charge_point.expect("ClearCache")
    charge_point.reply(unique_id, {"status": "Accepted"})
    assert (await asked)[0] == 200
    await charge_point.expect("GetConfiguration")


async def test_a_command_of_a_person_ends_a_question_that_is_out_for_long(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "GIVE_WAY_AFTER", 0.1)
    system.central_system.settings.call_timeout = 600
    charge_point = await silent(system)
    charge_point.answers["ClearCache"] = lambda _: {"status": "Accepted"}
    status, _ = await system.rest(
        "POST", "/admin/charge-points/CP1/commands", {"action": "ClearCache"}
    )
    assert status == 200
    record = await eventually(system.record, vain(1))
    assert "given up for a command" in record["connectorSyncError"]


async def test_one_that_never_answers_is_asked_again_and_then_left_alone(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses(monkeypatch, timedelta(milliseconds=1), timedelta(milliseconds=1))
    system.central_system.settings.call_timeout = 0.1
    charge_point = await silent(system)
    for _ in range(2):
        await charge_point.expect("GetConfiguration")
    record = await eventually(system.record, vain(3))
    assert record["connectorSyncError"].endswith(
        "asked 3 times in a row; refresh the connectors to ask again"
    )
    await charge_point.boot()
    await charge_point.close()
    charge_point = await system.connect()
    await charge_point.boot()
    assert await charge_point.call("Heartbeat", {})
    assert charge_point.waiting_calls == 0
    # A person asks: that fails too, but from now on it is asked again.
    assert (await refresh(system))[0] == 504
    await charge_point.expect("GetConfiguration")
    await eventually(system.record, lambda record: record["configurationUnanswered"] is None)
    system.central_system.settings.call_timeout = 5
    charge_point.configure({"NumberOfConnectors": "1", "Connector1-Type": "Type 2"})
    await charge_point.boot()
    record = await eventually(system.record, lambda record: record["connectors"])
    assert record["connectorSyncError"] is record["configurationUnanswered"] is None


async def test_one_that_drops_the_connection_when_asked_gets_its_pause(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses(monkeypatch, timedelta(hours=1))
    charge_point = await silent(system)
    charge_point.socket.close()
    await eventually(system.record, vain(1))
    charge_point = await system.connect()
    charge_point.configure({"NumberOfConnectors": "1"})
    await charge_point.boot()
    assert await charge_point.call("Heartbeat", {})
    assert (await system.record())["connectors"] == []
    # It waits for its pause, and a person need not.
    assert (await refresh(system))[0] == 200
    await eventually(system.record, lambda record: record["configurationUnanswered"] is None)


async def test_one_that_drops_the_connection_when_asked_for_types_is_not_asked_at_each_boot(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses(monkeypatch, timedelta(hours=1))
    charge_point = await silent_about_types(system)
    charge_point.socket.close()
    record = await eventually(system.record, vain(1))
    assert record["connectorCount"] == len(record["connectors"]) == 2
    charge_point = await system.connect()
    await charge_point.boot()
    assert await charge_point.call("Heartbeat", {})
    assert charge_point.waiting_calls == 0
    # What a person asks for is answered with what is known.
    charge_point.configure({"NumberOfConnectors": "2"})
    status, answer = await refresh(system)
    assert (status, len(answer["connectors"])) == (200, 2)


async def silent_about_types(system: System) -> ScriptedChargePoint:
    """One that has booted and says how many connectors it has; it was asked for their types."""
    await system.whitelist()
    charge_point = await system.connect()
    asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answer(payload: dict[str, Any]) -> dict[str, Any] | None:
        if "NumberOfConnectors" in payload["key"]:
            return configuration_answer({"NumberOfConnectors": "2"}, payload["key"])
        asked.set_result(None)
        return None

    charge_point.answers["GetConfiguration"] = answer
    await charge_point.boot()
    await asyncio.wait_for(asked, PATIENCE)
    return charge_point


async def test_nothing_of_this_is_written_where_all_is_well(system: System) -> None:
    await booted(system, {"NumberOfConnectors": "1", "Connector1-Type": "Type 2"})
    record = await eventually(system.record, lambda record: record["connectors"])
    assert record.get("configurationUnanswered") is None
    assert record["connectorSyncError"] is None
