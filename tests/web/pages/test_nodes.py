"""Nodes and health."""

from __future__ import annotations

import pytest

from tests.support.pages import sign_in
from tests.support.system import System


@pytest.mark.gen_test
async def test_the_node_and_its_database_are_shown(system: System) -> None:
    charge_point = await system.online()
    event = {"type": "TamperDetectionActivated", "timestamp": "2026-11-24T00:00:00Z"}
    await charge_point.call("SecurityEventNotification", {**event, "techInfo": "<lid>"})
    status, text = await (await sign_in(system, "viewer")).page("/nodes")
    assert status == 200
    assert 'id="node-test"' in text and "this one" in text
    assert "TamperDetectionActivated" in text and "&lt;lid&gt;" in text
    assert 'data-label="Running for" class="number">0:00:' in text
    assert "PRIMARY" in text and "% of 4 MB" in text
    assert '<th scope="row" data-label="Collection">boot_notifications</th>' in text
