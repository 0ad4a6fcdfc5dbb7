"""Lookups that come together are one query; each asker has its own answer."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from pymongo.errors import AutoReconnect

from csms import db
from csms.errors import DatabaseUnavailable
from csms.repositories import lookups
from csms.repositories.lookups import Gathered, Lookup
from tests.support import PATIENCE

pytestmark = pytest.mark.gen_test


class Collection:
    """A collection that notes its queries, and may be held up or fail."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []
        self.free = asyncio.Event()
        self.free.set()
        self.fails = False
        self._keys: list[str] = []

    def find(self, query: db.Document, projection: db.Document) -> Collection:
        cursor = Collection()
        cursor._keys = query["name"]["$in"]
        cursor.asked, cursor.free, cursor.fails = self.asked, self.free, self.fails
        return cursor

    async def to_list(self, length: None) -> list[dict[str, Any]]:
        self.asked.append(set(self._keys))
        await self.free.wait()
        if self.fails:
            raise AutoReconnect("away")
        return [{"name": key, "n": 1} for key in self._keys if key != "nobody"]


def lookup_of(collection: Collection) -> Lookup:
    return Lookup(cast(db.TelemetryCollection, collection), "name")


async def test_those_who_ask_at_once_are_answered_by_one_query() -> None:
    collection = Collection()
    names = [f"{n}" for n in range(50)]
    found = await asyncio.gather(*map(lookup_of(collection).find, names))
    assert [record and record["name"] for record in found] == names
    assert collection.asked == [set(names)]


async def test_who_asks_while_queries_are_on_their_way_is_in_a_later_one() -> None:
    collection = Collection()
    collection.free.clear()
    lookup = lookup_of(collection)
    asking = []
    for n in range(10):
        asking.append(asyncio.ensure_future(lookup.find(f"{n}")))
        for _ in range(3):
            await asyncio.sleep(0)
    collection.free.set()
    await asyncio.gather(*asking)
    assert collection.asked == [{"0"}, {"1"}, {f"{n}" for n in range(2, 10)}]


async def test_what_is_not_there_is_none() -> None:
    assert await lookup_of(Collection()).find("nobody") is None


async def test_two_who_ask_for_the_same_get_a_document_each() -> None:
    lookup = lookup_of(Collection())
    one, other = await asyncio.gather(lookup.find("a"), lookup.find("a"))
    assert one == other and one is not other


async def test_a_database_that_is_away_is_told_to_all_who_asked() -> None:
    collection = Collection()
    collection.fails = True
    lookup = lookup_of(collection)
    results = await asyncio.gather(*map(lookup.find, "abc"), return_exceptions=True)
    assert all(isinstance(result, DatabaseUnavailable) for result in results)
    collection.fails = False
    assert await lookup.find("a") == {"name": "a", "n": 1}


async def test_one_who_gives_up_harms_nobody() -> None:
    collection = Collection()
    collection.free.clear()
    lookup = lookup_of(collection)
    asking = [asyncio.ensure_future(lookup.find(name)) for name in "ab"]
    await asyncio.sleep(0)
    asking[0].cancel()
    collection.free.set()
    assert await asking[1] == {"name": "b", "n": 1}


async def test_a_query_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "MAX_KEYS", 3)
    collection = Collection()
    await asyncio.gather(*map(lookup_of(collection).find, "abcdefg"))
    assert sorted(map(len, collection.asked)) == [1, 3, 3]


async def test_who_asks_when_all_queries_have_just_ended_is_answered_too() -> None:
    queries: asyncio.Queue[asyncio.Future[dict[str, int]]] = asyncio.Queue()

    async def read(keys: set[str]) -> dict[str, int]:
        query: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()
        queries.put_nowait(query)
        return await query

    gathered = Gathered(read)

    async def ask_twice() -> None:
        await gathered.find("a")
        # In the instant in which both queries are at their end.
        await gathered.find("again")

    first = asyncio.ensure_future(ask_twice())
    one = await queries.get()
    second = asyncio.ensure_future(gathered.find("b"))
    other = await queries.get()
    one.set_result({})
    other.set_result({})
    await second
    async with asyncio.timeout(PATIENCE):
        (await queries.get()).set_result({})
        await first
