"""`/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import pytest

from tests.support.system import System

pytestmark = pytest.mark.gen_test


async def test_alive_and_ready(system: System) -> None:
    assert await system.rest("GET", "/healthz", token=None) == (200, {"status": "ok"})
    assert await system.rest("GET", "/readyz", token=None) == (200, {"status": "ready"})
    system.central_system.sockets.accepting = False
    assert (await system.rest("GET", "/readyz", token=None))[0] == 503
    assert (await system.rest("GET", "/healthz", token=None))[0] == 200


async def test_metrics(system: System) -> None:
    charge_point = await system.online()
    await charge_point.call("Heartbeat", {})
    await charge_point.ask("Dance", {})
    stranger = await system.connect("stranger")
    await stranger.closed()
    text = (await system.fetch("GET", "/metrics", token=None)).body.decode()
    for line in (
        "csms_connections 1.0",
        'csms_calls_received_total{action="Heartbeat",outcome="CallResult"} 1.0',
        'csms_calls_received_total{action="unknown",outcome="NotImplemented"} 1.0',
        'csms_rejected_connections_total{reason="Not whitelisted"} 1.0',
        'csms_commit_documents_count{collection="boot_notifications"} 1.0',
    ):
        assert line in text.splitlines(), line
