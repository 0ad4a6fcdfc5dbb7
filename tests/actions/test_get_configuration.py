"""GetConfiguration: what the charge point tells, without its secrets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.actions.support import command, documents, mistakes, refused_or_done
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "GetConfiguration"


async def test_all_keys_or_some(system: System) -> None:
    charge_point = await system.online()
    answer: dict[str, Any] = {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False}],
        "unknownKey": ["Mood"],
    }
    assert await command(system, charge_point, ACTION, {}, answer) == {}
    asked = {"key": ["HeartbeatInterval", "Mood"]}
    assert await command(system, charge_point, ACTION, asked, answer) == asked


async def test_the_authorization_key_is_never_shown(system: System) -> None:
    charge_point = await system.online()
    asked = asyncio.ensure_future(refused_or_done(system, ACTION, {}))
    unique_id, _ = await charge_point.expect(ACTION)
    keys = [
        {"key": "authorizationKEY", "readonly": False, "value": "it-is-a-secret"},
        {"key": "HeartbeatInterval", "readonly": False, "value": "60"},
    ]
    charge_point.reply(unique_id, {"configurationKey": keys})
    status, outcome = await asked
    assert status == 200
    shown = {item["key"]: item.get("value") for item in outcome["response"]["configurationKey"]}
    assert shown["HeartbeatInterval"] == "60"
    for collection in ("commands", "messages"):
        assert "it-is-a-secret" not in str(await documents(system, collection))
    assert "it-is-a-secret" not in str(outcome)


@pytest.mark.parametrize(
    "answer",
    [
        '{"ConfigurationKey":[{"Key":"AuthorizationKey","Value":"HUSH"}]}',
        '{"configurationKey":{"key":"AuthorizationKey","value":"HUSH"}}',
        '{"configurationKey":{"AuthorizationKey":"HUSH"}}',
        '{"configurationKey":[{"AuthorizationKey":{"value":"HUSH"}}]}',
        '{"configurationKey":[["AuthorizationKey","HUSH"]]}',
        '{"configurationKey":[{"name":" Authorization Key ","val":["HUSH"]}]}',
        '{"configurationKey":[,{"key":"Wifi.Password","readonly":false,"value":"HUSH"},]}',
        '{"configurationKey":[{"key":"AuthorizationKey","readonly":false,"value":"HUSH"',
    ],
)
async def test_nor_is_it_in_an_answer_of_another_shape(system: System, answer: str) -> None:
    charge_point = await system.online()
    asked = asyncio.ensure_future(refused_or_done(system, ACTION, {}))
    unique_id, _ = await charge_point.expect(ACTION)
    charge_point.send(f'[3,"{unique_id}",{answer}]')
    _, outcome = await asked
    assert "HUSH" not in str(outcome)
    await charge_point.call("Heartbeat", {})
    for collection in ("commands", "messages"):
        found = await documents(system, collection)
        assert found and "HUSH" not in str(found)


@pytest.mark.parametrize(
    "answer",
    [
        '{"n":18446744073709551615}',
        '{"a\\u0000b":1,"$where":{"$ref":"a","$id":1,"a.b":2},"":0}',
        f'{{"x":{"[" * 150}{"]" * 150}}}',
        f'{{"x":{"[" * 1000}{"]" * 1000}}}',
        f'{{"configurationKey":[{{"key":{"[" * 1010}{"]" * 1010},"value":"1"}}]}}',
        f'{{"configurationKey":[{{"key":"K","value":{"[" * 1010}{"]" * 1010}}}]}}',
        f'{{"x":[{"1," * 300_000}1]}}',
    ],
    ids=["64 bits", "names", "deep", "deeper", "key", "value", "long"],
)
async def test_an_answer_that_the_database_cannot_hold(system: System, answer: str) -> None:
    charge_point = await system.online()
    for action in ("commands", "refresh-connectors", "verify"):
        body = {"action": ACTION, "payload": {}} if action == "commands" else None
        path = f"/admin/charge-points/CP1/{action}"
        asked = asyncio.ensure_future(system.rest("POST", path, body))
        while not asked.done():
            question = asyncio.ensure_future(charge_point.expect(ACTION))
            await asyncio.wait((asked, question), return_when=asyncio.FIRST_COMPLETED)
            if question.done():
                charge_point.send(f'[3,"{question.result()[0]}",{answer}]')
            question.cancel()
        assert asked.result()[0] == 200
    status, page = await system.rest("GET", "/admin/charge-points/CP1/commands")
    assert status == 200 and {one["status"] for one in page["items"]} == {"Answered"}
    largest = await system.database.commands.aggregate(
        [{"$group": {"_id": None, "size": {"$max": {"$bsonSize": "$$ROOT"}}}}]
    ).to_list(1)
    assert largest[0]["size"] < 2_000_000


@pytest.mark.parametrize(
    ("payload", "field"),
    [({"key": "HeartbeatInterval"}, "key"), ({"key": ["x" * 51]}, "key.0"), ({"k": []}, "k")],
)
async def test_mistakes(system: System, payload: dict[str, Any], field: str) -> None:
    await system.online()
    assert await mistakes(system, ACTION, payload) == [field]
