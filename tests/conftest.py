"""Fixtures for every test: an event loop, and a real MongoDB with a fresh database each time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import argon2
import hypothesis
import pytest
from pydantic import SecretStr
from tornado.ioloop import IOLoop

from csms import db
from csms.app import CentralSystem
from csms.config import Settings
from csms.connections import standstill
from csms.domain import user
from csms.embedded_mongod import EmbeddedMongod
from csms.repositories import held_records, schema
from tests.support.system import ADMIN_TOKEN, System

DATABASE = "csms_test"

# How long an example takes says something of the machine, and nothing of the subject.
# Where a change is to be judged, the same examples are tried each time.
hypothesis.settings.register_profile("csms", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("csms")


@pytest.fixture
def io_loop() -> Iterator[IOLoop]:
    """The loop that pytest-tornado runs a test on, made the way Tornado 6 likes it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    io_loop = IOLoop.current()
    yield io_loop
    # What a test left running must not outlive it, nor warn about having been left.
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_default_executor())
    io_loop.close(all_fds=True)
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture(autouse=True)
def _no_standstills(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded machine stands still by itself; the tests of what follows say when."""
    monkeypatch.setattr(standstill, "STILL", 1_000.0)


@pytest.fixture(autouse=True)
def _signs_of_life_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tests wait until these are stored."""
    monkeypatch.setattr(held_records, "SIGNS_EVERY", 0.05)


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real mongod, one for the whole run."""
    with EmbeddedMongod(tmp_path_factory.mktemp("mongodb"), cache_gb=0.25) as uri:
        yield uri


@pytest.fixture
def settings() -> Settings:
    """Settings for a test: no waiting, small collections, nothing sent unasked."""
    return Settings(
        heartbeats_mb=1,
        meter_values_mb=4,
        boot_notifications_mb=1,
        messages_mb=1,
        max_stored_share=0,
        connector_sync=False,
        connector_sync_delay=0,
        commit_interval_ms=0,
        ping_interval=0,
        heartbeat_jitter=0,
        call_timeout=5,
        admin_token=SecretStr(ADMIN_TOKEN),
    )


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords of people are hashed so that it takes no time, where many are tried."""
    quick = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(user, "_HASHER", quick)
    monkeypatch.setattr(user, "_NOBODY", quick.hash("nobody has this password"))


@pytest.fixture
def system(io_loop: IOLoop, mongodb_uri: str, settings: Settings) -> Iterator[System]:
    """A whole central system, listening on loopback, with an empty database."""
    own = settings.model_copy(
        update={"mongodb_database": DATABASE, "host": "127.0.0.1", "port": 0, "node_id": "test"}
    )
    central_system = CentralSystem(own, mongodb_uri)
    io_loop.run_sync(lambda: empty(central_system.database))
    io_loop.run_sync(central_system.start)
    system = System(central_system)
    yield system
    io_loop.run_sync(system.disconnect_all)
    io_loop.run_sync(central_system.stop)


@pytest.fixture
def database(io_loop: IOLoop, mongodb_uri: str, settings: Settings) -> Iterator[db.Database]:
    """A prepared, empty database on the real mongod."""
    client = db.connect(settings, mongodb_uri)
    database = client[DATABASE]
    io_loop.run_sync(lambda: empty(database))
    io_loop.run_sync(lambda: db.prepare(database, settings))
    yield database
    client.close()


@pytest.fixture
def telemetry_database(
    io_loop: IOLoop, mongodb_uri: str, database: db.Database
) -> Iterator[db.TelemetryDatabase]:
    """The same database, for the writer of telemetry."""
    client = db.connect_telemetry(mongodb_uri)
    yield client[database.name]
    io_loop.run_sync(client.close)


async def empty(database: db.Database) -> None:
    """Delete all documents but those on the schema: to make that anew takes far longer."""
    names = sorted(set(db.INDEXES) - {schema.COLLECTION})
    # Most are empty already, and one question tells which.
    filled = [
        {"$unionWith": {"coll": name, "pipeline": [{"$limit": 1}, {"$project": {"in": name}}]}}
        for name in names
    ]
    nothing = {"$match": {"_id": {"$in": []}}}
    found = database[schema.COLLECTION].aggregate([nothing, *filled])
    await asyncio.gather(*[database[one["in"]].delete_many({}) async for one in found])
