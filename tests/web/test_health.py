"""`/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from csms.config import Settings
from csms.embedded_mongod import free_port
from tests.support.system import Client, System

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


class TestMetricsPort:
    """A port for the metrics alone asks for the same token."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        token = SecretStr("a-token-for-the-metrics")
        return settings.model_copy(update={"metrics_token": token, "metrics_port": free_port()})

    async def test_it_asks_for_the_token(self, system: System) -> None:
        port = system.central_system.settings.metrics_port
        own = Client(f"http://127.0.0.1:{port}")
        assert (await own.fetch("GET", "/metrics", token=None)).code == 401
        assert (await own.fetch("GET", "/metrics", token="a-token-for-the-metrics")).code == 200
        assert (await own.fetch("GET", "/healthz", token=None)).code == 404
