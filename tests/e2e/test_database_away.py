"""A database that goes away and comes back, while charge points stay connected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from tornado.ioloop import IOLoop

from csms.app import CentralSystem
from csms.config import Settings
from csms.connections import lease, sockets
from csms.embedded_mongod import EmbeddedMongod
from csms.repositories import nodes
from tests.e2e.test_messages import metering, start
from tests.support.system import System, eventually


@pytest.fixture
def mongod(tmp_path: Path) -> Iterator[EmbeddedMongod]:
    """A mongod of this test's own, to stop and start."""
    mongod = EmbeddedMongod(tmp_path, cache_gb=0.25)
    yield mongod
    mongod.stop()


@pytest.mark.gen_test(timeout=60)
async def test_nothing_acknowledged_is_lost_and_no_socket_is_dropped(
    io_loop: IOLoop, mongod: EmbeddedMongod, settings: Settings
) -> None:
    uri = await asyncio.to_thread(mongod.start)
    # The driver looks for a server every half second: it must find one that is back.
    impatient = f"{uri}&serverSelectionTimeoutMS=1000"
    own = settings.model_copy(update={"host": "127.0.0.1", "port": 0, "node_id": "away"})
    central_system = CentralSystem(own, impatient)
    await central_system.start()
    system = System(central_system)
    charge_point = await system.online()
    await charge_point.call("MeterValues", metering("1"))

    await asyncio.to_thread(mongod.stop)
    payload = metering("2")
    refused = await charge_point.ask("MeterValues", payload)
    assert refused[:1] + refused[2:3] == [4, "InternalError"]
    refused = await charge_point.ask("StartTransaction", start())
    assert refused[:1] + refused[2:3] == [4, "InternalError"]
    assert await charge_point.call("Heartbeat", {})
    status, problem = await system.rest("GET", "/admin/charge-points")
    assert (status, problem["title"]) == (503, "The database is away")
    assert (await system.rest("GET", "/readyz"))[0] == 503

    assert await asyncio.to_thread(mongod.start) == uri
    await charge_point.call("MeterValues", payload)
    await charge_point.call("MeterValues", payload)
    stored = await system.database.meter_values.find().to_list(None)
    assert sorted(d["sampledValue"][0]["raw"] for d in stored) == ["1", "2"]
    # The heartbeat was answered while nothing could be stored; it is there all the same.
    await eventually(
        lambda: system.database.heartbeats.count_documents({}), lambda count: count == 1
    )
    await system.disconnect_all()
    await central_system.stop()


@pytest.mark.gen_test(timeout=60)
async def test_who_leaves_meanwhile_is_shown_off_line_when_it_is_back(
    mongod: EmbeddedMongod, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "RELEASE_AGAIN_AFTER", 0.1)
    uri = await asyncio.to_thread(mongod.start)
    impatient = f"{uri}&serverSelectionTimeoutMS=300"
    own = settings.model_copy(update={"host": "127.0.0.1", "port": 0, "node_id": "away"})
    central_system = CentralSystem(own, impatient)
    await central_system.start()
    system = System(central_system)
    charge_point = await system.online()

    await asyncio.to_thread(mongod.stop)
    await charge_point.close()
    with structlog.testing.capture_logs() as logs:
        await eventually(events(logs), lambda seen: "release_failed" in seen)
    await asyncio.to_thread(mongod.start)
    await eventually(system.record, lambda record: record["ocppSessionId"] is None)
    await central_system.stop()


@pytest.fixture
def _renewed_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.05)


@pytest.mark.gen_test
@pytest.mark.usefixtures("_renewed_often")
async def test_an_error_of_any_kind_does_not_end_the_lease(system: System) -> None:
    database = system.database
    await database.command("collMod", "nodes", validator={"host": "of nobody"})
    try:
        with structlog.testing.capture_logs() as logs:
            await eventually(events(logs), lambda seen: "lease_not_renewed" in seen)
    finally:
        await database.command("collMod", "nodes", validator={})
    renewed = database.nodes.find_one
    before = await renewed({"_id": "test"})
    await eventually(
        lambda: renewed({"_id": "test"}), lambda now: now["leaseUntil"] > before["leaseUntil"]
    )


@pytest.mark.gen_test
@pytest.mark.usefixtures("_renewed_often")
async def test_a_node_does_not_take_itself_for_dead(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await system.online()
    # As if every renewal took longer than a lease lasts.
    monkeypatch.setattr(nodes, "LEASE", timedelta(seconds=-1))
    with structlog.testing.capture_logs() as logs:
        await eventually(events(logs), lambda seen: seen.count("lease_had_run_out") >= 3)
    assert "charge_points_of_dead_node_off_line" not in [entry["event"] for entry in logs]
    assert (await system.record())["nodeId"] == "test"


def events(logs: Sequence[Mapping[str, Any]]) -> Callable[[], Awaitable[list[str]]]:
    """Reads the names of what was logged."""

    async def read() -> list[str]:
        return [entry["event"] for entry in logs]

    return read
