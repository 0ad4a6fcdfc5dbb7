"""TriggerMessage: the charge point is asked to send."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "TriggerMessage"


async def test_it_is_sent_as_it_is_and_answered_with_what_came(system: System) -> None:
    charge_point = await system.online()
    payload = {"requestedMessage": "MeterValues", "connectorId": 1}
    assert (
        await command(system, charge_point, ACTION, payload, {"status": "NotImplemented"})
        == payload
    )


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({}, "requestedMessage"),
        ({"requestedMessage": "Authorize"}, "requestedMessage"),
    ],
)
async def test_mistakes(system: System, payload: dict[str, Any], field: str) -> None:
    await system.online()
    assert await mistakes(system, ACTION, payload) == [field]
