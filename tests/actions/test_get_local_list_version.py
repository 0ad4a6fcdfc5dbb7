"""GetLocalListVersion: the version that is told is kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "GetLocalListVersion"


@pytest.mark.parametrize("version", [-1, 0, 7])
async def test_the_version_is_kept(system: System, version: int) -> None:
    charge_point = await system.online()
    assert await command(system, charge_point, ACTION, {}, {"listVersion": version}) == {}
    _, shown = await system.rest("GET", "/admin/charge-points/CP1/local-list")
    assert (shown["reportedVersion"], shown["listVersion"]) == (version, 0)


async def test_mistakes(system: System) -> None:
    payload: dict[str, Any] = {"listVersion": 1}
    await system.online()
    assert await mistakes(system, ACTION, payload) == ["listVersion"]
