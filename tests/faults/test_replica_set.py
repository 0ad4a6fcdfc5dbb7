"""A replica set of three loses its primary, under load: in order, and without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pymongo import MongoClient

from tests.e2e import test_serve
from tests.faults.load import Load, assert_nobody_was_dropped, assert_stored_once, senders, survive
from tests.support.replica_set import ReplicaSet, replica_set
from tests.support.system import Client

TOKEN = "a-token-of-the-test"

pytestmark = pytest.mark.gen_test(timeout=120)


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
