"""A database that goes away and comes back, while charge points stay connected."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.ioloop import IOLoop

from csms.app import CentralSystem
from csms.config import Settings
from csms.embedded_mongod import EmbeddedMongod
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
