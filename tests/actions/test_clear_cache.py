"""ClearCache: the charge point forgets its tags."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "ClearCache"


async def test_it_is_sent_as_it_is_and_answered_with_what_came(system: System) -> None:
    charge_point = await system.online()
    payload = {}
    assert await command(system, charge_point, ACTION, payload, {"status": "Rejected"}) == payload


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"all": True}, "all"),
    ],
)
async def test_mistakes(system: System, payload: dict[str, Any], field: str) -> None:
    await system.online()
    assert await mistakes(system, ACTION, payload) == [field]
