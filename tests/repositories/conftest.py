"""A database in memory for what needs no more: quick, and always empty at the start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from mongomock_motor import AsyncMongoMockClient
from tornado.ioloop import IOLoop

from csms import db

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class Clock:
    """The time, which only the test turns."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> None:
        """Let time pass; keywords as of timedelta."""
        self.time += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def memory(io_loop: IOLoop) -> db.Database:
    """An empty database in memory, with the one unique index that these tests rely on."""
    database = cast(db.Database, AsyncMongoMockClient(tz_aware=True)["csms"])
    io_loop.run_sync(lambda: database.transactions.create_index("startKey", unique=True))
    return database
