"""ExtendedTriggerMessage: the charge point is asked to send."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "ExtendedTriggerMessage"


@pytest.mark.parametrize("message", ["SignChargePointCertificate", "LogStatusNotification"])
async def test_it_is_sent_as_it_is(system: System, message: str) -> None:
    charge_point = await system.online()
    asked = {"requestedMessage": message, "connectorId": 1}
    answer = {"status": "NotImplemented"}
    assert await command(system, charge_point, ACTION, asked, answer) == asked


@pytest.mark.parametrize("payload", [{}, {"requestedMessage": "Authorize"}])
async def test_mistakes(system: System, payload: dict[str, Any]) -> None:
    await system.online()
    assert await mistakes(system, ACTION, payload) == ["requestedMessage"]
