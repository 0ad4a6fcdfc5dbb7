"""A replica set of three loses its primary, under load: in order, and without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pymongo import MongoClient
from tornado.ioloop import IOLoop

from csms.app import CentralSystem
from csms.config import Settings
from tests.e2e import test_serve
from tests.e2e.test_messages import metering, start, stop
from tests.faults.load import Load, assert_nobody_was_dropped, assert_stored_once, senders, survive
from tests.support.replica_set import ReplicaSet, replica_set
from tests.support.system import Client, System

TOKEN = "a-token-of-the-test-itself"

pytestmark = [pytest.mark.gen_test(timeout=120), pytest.mark.long]


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    with replica_set(tmp_path_factory.mktemp("replica-set")) as members:
        yield members


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, members: ReplicaSet) -> None:
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_MONGODB_URI", members.uri)
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_ADMIN_TOKEN", TOKEN)


@asynccontextmanager
async def loaded(tmp_path: Path, members: ReplicaSet) -> AsyncIterator[tuple[Client, Load]]:
    """A csms on the replica set, under load."""
    with MongoClient[dict[str, object]](members.uri) as mongo:
        mongo.drop_database("csms")
    async with test_serve.serve(tmp_path) as process:
        client = await process.ready()
        load = Load(await senders(client, token=TOKEN))
        yield client, load
        for sender in load.senders:
            await sender.close()


async def test_the_primary_steps_down(tmp_path: Path, members: ReplicaSet) -> None:
    async with loaded(tmp_path, members) as (client, load):
        before = members.primary()

        async def step_down() -> None:
            await asyncio.to_thread(members.step_down)

        await survive(load, step_down, "primary stepped down")
        assert members.primary() is not before
        assert_nobody_was_dropped(load)
        assert_stored_once(load, members.uri)
        assert (await client.rest("GET", "/readyz", token=None))[0] == 200


async def test_the_primary_is_killed(tmp_path: Path, members: ReplicaSet) -> None:
    async with loaded(tmp_path, members) as (client, load):
        killed = members.primary()

        async def kill() -> None:
            await asyncio.to_thread(killed.kill)

        await survive(load, kill, "primary killed")
        assert_nobody_was_dropped(load)
        assert (await client.rest("GET", "/readyz", token=None))[0] == 200
        # What the killed one had and nobody else has is rolled back when it returns.
        killed.start()
        await asyncio.to_thread(members.until_whole)
        assert_stored_once(load, members.uri)


async def test_a_retry_is_not_acknowledged_before_a_majority_has_the_first(
    io_loop: IOLoop, members: ReplicaSet, settings: Settings
) -> None:
    own = settings.model_copy(
        update={"host": "127.0.0.1", "port": 0, "node_id": "retry", "mongodb_database": "retries"}
    )
    central_system = CentralSystem(own, f"{members.uri}&wTimeoutMS=500")
    await central_system.start()
    system = System(central_system)
    charge_point = await system.online()
    started = await charge_point.call("StartTransaction", start())
    calls = {
        "StartTransaction": start(connectorId=2),
        "StopTransaction": stop(started["transactionId"]),
        "MeterValues": metering("1"),
    }
    with members.alone():
        # The primary takes them, and is alone with them: they may all be rolled back.
        for _ in range(2):
            for action, payload in calls.items():
                answer = await charge_point.ask(action, payload)
                assert answer[2] == "InternalError", (action, answer)
    for action, payload in calls.items():
        await charge_point.call(action, payload)
    assert await system.database.transactions.count_documents({}) == 2
    assert await system.database.meter_values.count_documents({"connectorId": 1}) == 1
    await system.disconnect_all()
    await central_system.stop()
