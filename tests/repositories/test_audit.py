"""Entries that come in floods are gathered, over all processes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from csms import db
from csms.repositories import audit
from csms.repositories.audit import MANY, Audit, Entry, Event
from tests.repositories.conftest import Clock

pytestmark = pytest.mark.gen_test

FAILED = Entry(
    "Malee", "malee", "viewer", "POST", "/sign-in", [], 403, "192.0.2.1",
    event=Event.SIGN_IN_FAILED,
)  # fmt: skip


async def entries(database: db.Database) -> list[db.Document]:
    return await database.audit.find().sort("count", 1).to_list(None)


async def test_failures_of_one_account_and_address_are_one_entry(
    database: db.Database, clock: Clock
) -> None:
    one, other = Audit(database), Audit(database)
    for _ in range(50):
        one.gather(FAILED, clock())
        other.gather(FAILED, clock())
    other.gather(replace(FAILED, remote_address="192.0.2.2"), clock())
    await one.settled()
    await other.settled()
    [elsewhere, here] = await entries(database)
    assert (elsewhere["count"], here["count"]) == (1, 100)
    assert here["by"] == "Malee" and here["event"] == "signInFailed"
    clock.advance(minutes=16)
    one.gather(FAILED, clock())
    await one.settled()
    assert len(await entries(database)) == 3


async def test_a_flood_from_everywhere_makes_few(
    database: db.Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MAX_ENTRIES", 10)
    kept = Audit(database)
    for number in range(1_000):
        kept.gather(replace(FAILED, remote_address=f"192.0.2.{number}"), clock())
    await kept.settled()
    found = await entries(database)
    assert len(found) == 11
    assert (found[-1]["remoteAddress"], found[-1]["count"]) == (MANY, 990)
