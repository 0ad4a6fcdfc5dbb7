"""Reset: the charge point restarts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "Reset"


async def test_it_is_sent_as_it_is_and_answered_with_what_came(system: System) -> None:
    charge_point = await system.online()
    payload = {"type": "Hard"}
    assert await command(system, charge_point, ACTION, payload, {"status": "Accepted"}) == payload


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({}, "type"),
        ({"type": "Medium"}, "type"),
        ({"type": "Soft", "at": "noon"}, "at"),
    ],
)
async def test_mistakes(system: System, payload: dict[str, Any], field: str) -> None:
    await system.online()
    assert await mistakes(system, ACTION, payload) == [field]
