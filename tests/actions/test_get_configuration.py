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
    ("payload", "field"),
    [({"key": "HeartbeatInterval"}, "key"), ({"key": ["x" * 51]}, "key.0"), ({"k": []}, "k")],
)
async def test_mistakes(system: System, payload: dict[str, Any], field: str) -> None:
    await system.online()
    assert await mistakes(system, ACTION, payload) == [field]
