"""Pages: nothing twice, nothing skipped, whatever is inserted meanwhile."""

from __future__ import annotations

import base64

import bson
import pytest

from csms import db
from csms.errors import InvalidInput
from csms.repositories.pages import Order, find_page

pytestmark = pytest.mark.gen_test


async def pages(
    database: db.Database, order: Order, limit: int, disturb: list[dict[str, int]] | None = None
) -> list[int]:
    """The ids of all pages; `disturb` is inserted after the first."""
    found: list[int] = []
    cursor: str | None = None
    while True:
        items, cursor = await find_page(
            database.things, {}, sort_field="at", order=order, limit=limit, cursor=cursor
        )
        assert len(items) <= limit
        found += [item["_id"] for item in items]
        if disturb:
            await database.things.insert_many(disturb)
            disturb = None
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_every_item_once_also_among_equals(
    memory: db.Database, order: Order, limit: int
) -> None:
    await memory.things.insert_many([{"_id": n, "at": n // 3} for n in range(7)])
    expected = list(range(7)) if order == "asc" else list(range(6, -1, -1))
    assert await pages(memory, order, limit) == expected


async def test_what_is_inserted_before_the_cursor_moves_nothing(memory: db.Database) -> None:
    await memory.things.insert_many([{"_id": n, "at": n} for n in range(5)])
    found = await pages(memory, "desc", 2, [{"_id": 9, "at": 9}, {"_id": 10, "at": 10}])
    assert found == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!!",
        base64.urlsafe_b64encode(bson.encode({"v": 1})).decode(),
        base64.urlsafe_b64encode(bson.encode({"v": {"$gt": 0}, "i": 1})).decode(),
        base64.urlsafe_b64encode(bson.encode({"v": 1, "i": {"$ne": 1}})).decode(),
    ],
)
async def test_a_cursor_that_is_not_ours_is_named(memory: db.Database, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        await find_page(memory.things, {}, sort_field="at", order="asc", limit=1, cursor=cursor)
