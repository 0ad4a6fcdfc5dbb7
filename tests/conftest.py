"""Fixtures for every test: an event loop, and a real MongoDB with a fresh database each time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest
from tornado.ioloop import IOLoop

from csms import db
from csms.config import Settings
from csms.embedded_mongod import EmbeddedMongod


@pytest.fixture
def io_loop() -> Iterator[IOLoop]:
    """The loop that pytest-tornado runs a test on, made the way Tornado 6 likes it."""
    loop = IOLoop(make_current=True)
    yield loop
    # What a test left running must not outlive it, nor warn about having been left.
    asyncio_loop = loop.asyncio_loop  # type: ignore[attr-defined]
    tasks = asyncio.all_tasks(asyncio_loop)
    for task in tasks:
        task.cancel()
    if tasks:
        asyncio_loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    asyncio_loop.run_until_complete(asyncio_loop.shutdown_default_executor())
    loop.close(all_fds=True)
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real mongod, one for the whole run."""
    with EmbeddedMongod(tmp_path_factory.mktemp("mongodb"), cache_gb=0.25) as mongod:
        yield mongod.uri


@pytest.fixture
def settings() -> Settings:
    """Settings for a test: no waiting, small collections."""
    return Settings(
        heartbeats_mb=1,
        meter_values_mb=4,
        boot_notifications_mb=1,
        messages_mb=1,
        connector_sync_delay=0,
        commit_interval_ms=0,
        ping_interval=0,
        call_timeout=5,
        admin_token="test-admin-token",  # type: ignore[arg-type]
    )


@pytest.fixture
def database(io_loop: IOLoop, mongodb_uri: str, settings: Settings) -> Iterator[db.Database]:
    """A prepared database of its own, on the real mongod."""
    client = db.connect(settings, mongodb_uri)
    database = client[f"test_{uuid4().hex[:12]}"]
    io_loop.run_sync(lambda: db.prepare(database, settings))
    yield database
    io_loop.run_sync(lambda: client.drop_database(database.name))
    client.close()
