"""Heartbeat: the time, and a sign of life."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.actions.support import documents
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test


async def test_it_is_answered_with_the_time(system: System) -> None:
    charge_point = await system.online()
    answer = await charge_point.call("Heartbeat", {})
    assert list(answer) == ["currentTime"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", answer["currentTime"])
    told = datetime.fromisoformat(answer["currentTime"])
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=1)


async def test_it_is_stored(system: System) -> None:
    charge_point = await system.online()
    for _ in range(3):
        await charge_point.call("Heartbeat", {})
    beats = await eventually(lambda: documents(system, "heartbeats"), lambda all: len(all) == 3)
    assert {beat["chargePointId"] for beat in beats} == {"CP1"}
    now = datetime.now(UTC)
    assert all(abs(now - beat["receivedAt"]) < timedelta(minutes=1) for beat in beats)
