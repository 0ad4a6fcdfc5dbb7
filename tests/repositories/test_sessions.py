"""Sessions end when nobody uses them, and at the latest some days after the sign-in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from csms import db
from csms.repositories.sessions import Sessions
from tests.repositories.conftest import Clock

pytestmark = pytest.mark.gen_test

HOURS, DAYS = timedelta(hours=2), timedelta(days=3)


@pytest.fixture
def sessions(database: db.Database, clock: Clock) -> Sessions:
    return Sessions(database, clock, HOURS, DAYS)


async def begin(sessions: Sessions, database: db.Database) -> str:
    await database.users.insert_one({"_id": "malee", "name": "Malee", "role": "viewer"})
    return await sessions.begin("user", "malee")


async def look(sessions: Sessions, secret: str, *, is_used: bool) -> bool:
    """As another process, or as this one some seconds later."""
    sessions._cache.clear()
    return await sessions.find(secret, is_used=is_used) is not None


async def test_an_open_page_alone_keeps_none_alive(
    sessions: Sessions, database: db.Database, clock: Clock
) -> None:
    secret = await begin(sessions, database)
    for _ in range(11):
        clock.advance(minutes=10)
        assert await look(sessions, secret, is_used=False)
    clock.advance(minutes=10)
    assert not await look(sessions, secret, is_used=False)


async def test_who_clicks_stays_until_the_absolute_end(
    sessions: Sessions, database: db.Database, clock: Clock
) -> None:
    secret = await begin(sessions, database)
    for _ in range(71):
        clock.advance(hours=1)
        assert await look(sessions, secret, is_used=True)
    clock.advance(hours=1)
    assert not await look(sessions, secret, is_used=True)


async def test_a_click_counts_though_a_page_has_just_asked(
    sessions: Sessions, database: db.Database, clock: Clock
) -> None:
    secret = await begin(sessions, database)
    clock.advance(minutes=119)
    sessions._cache.clear()
    assert await sessions.find(secret, is_used=False)
    assert await sessions.find(secret, is_used=True)
    clock.advance(minutes=10)
    assert await look(sessions, secret, is_used=False)


async def test_one_of_an_older_version_ends_too(
    sessions: Sessions, database: db.Database, clock: Clock
) -> None:
    secret = await begin(sessions, database)
    far = clock() + timedelta(days=365)
    await database.sessions.update_many(
        {}, {"$unset": {"createdAt": ""}, "$set": {"expiresAt": far, "usedAt": clock()}}
    )
    assert await look(sessions, secret, is_used=False)
    for _ in range(71):
        clock.advance(hours=1)
        assert await look(sessions, secret, is_used=True)
    clock.advance(hours=1)
    assert not await look(sessions, secret, is_used=True)
