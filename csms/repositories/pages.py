"""Lists: a page at a time, or streamed whole; one place for cursors and sort orders.

Pages continue after the last item's sort value and `_id`, so that what is inserted meanwhile
neither repeats nor skips anything.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

import bson
from bson import Int64, ObjectId
from bson.errors import BSONError
from pydantic import BaseModel
from pymongo import ASCENDING, DESCENDING

from csms import db
from csms.errors import FieldError, InvalidInput

Order = Literal["asc", "desc"]
T = TypeVar("T")

STREAM_BATCH = 500
_SCALARS = (str, int, Int64, float, datetime, ObjectId)


class Page(BaseModel, Generic[T]):
    """One page of a list. `nextCursor` asks for the next; null on the last."""

    items: list[T]
    nextCursor: str | None


async def find_page(
    collection: db.Collection,
    found: Mapping[str, Any],
    *,
    sort_field: str,
    order: Order,
    limit: int,
    cursor: str | None,
) -> tuple[list[db.Document], str | None]:
    """One page of what matches `found`, and the cursor of the next.

    Raises:
        InvalidInput: the cursor is not one of ours.
        DatabaseUnavailable: MongoDB did not answer.
    """
    query: Mapping[str, Any] = found
    if cursor is not None:
        query = {"$and": [found, _after(sort_field, order, *_decode(cursor))]}
    async with db.errors():
        documents = await (
            collection.find(query).sort(_sort(sort_field, order)).limit(limit + 1).to_list(None)
        )
    if len(documents) <= limit:
        return documents, None
    last = documents[limit - 1]
    return documents[:limit], _encode(last.get(sort_field), last["_id"])


@dataclass(frozen=True)
class Listing:
    """One page of a list whose pages have numbers, from 1."""

    items: list[db.Document]
    page: int
    size: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        """The number of the first item shown; 0 if there is none."""
        return (self.page - 1) * self.size + 1 if self.items else 0

    @property
    def last(self) -> int:
        """The number of the last item shown."""
        return (self.page - 1) * self.size + len(self.items)


async def find_listing(
    collection: db.Collection,
    found: Mapping[str, Any],
    *,
    sort_field: str,
    order: Order,
    page: int,
    size: int = 50,
) -> Listing:
    """One page by its number, for people who turn pages; beyond the last it is the last.

    Raises:
        DatabaseUnavailable: MongoDB did not answer.
    """
    async with db.errors():
        total = (
            await collection.count_documents(found)
            if found
            else await collection.estimated_document_count()
        )
        page = max(1, min(page, -(-total // size)))
        # Where no index sorts, only the page is kept while everything is looked at.
        documents = collection.find(found).sort(_sort(sort_field, order))
        items = await documents.skip((page - 1) * size).limit(size).to_list(None)
    return Listing(items, page, size, total)


async def stream(
    collection: db.Collection,
    found: Mapping[str, Any],
    *,
    sort_field: str,
    order: Order,
    limit: int | None = None,
) -> AsyncGenerator[db.Document, None]:
    """Everything that matches, a batch in memory at a time.

    Raises:
        DatabaseUnavailable: MongoDB did not answer; what came before is not all there is.
    """
    documents = collection.find(found, batch_size=STREAM_BATCH).sort(_sort(sort_field, order))
    if limit is not None:
        documents = documents.limit(limit)
    async with db.errors():
        async for document in documents:
            yield document


def _sort(field: str, order: Order) -> list[tuple[str, int]]:
    direction = ASCENDING if order == "asc" else DESCENDING
    return [(field, direction)] if field == "_id" else [(field, direction), ("_id", direction)]


def _after(field: str, order: Order, value: Any, record_id: Any) -> dict[str, Any]:
    beyond = "$gt" if order == "asc" else "$lt"
    if field == "_id":
        return {"_id": {beyond: record_id}}
    # A comparison finds no nulls, though in a sort they come before every other value.
    if value is None:
        later: list[dict[str, Any]] = [{field: {"$ne": None}}] if order == "asc" else []
    else:
        later = [{field: {beyond: value}}] + ([{field: None}] if order == "desc" else [])
    return {"$or": [*later, {field: value, "_id": {beyond: record_id}}]}


def _encode(value: Any, record_id: Any) -> str:
    return base64.urlsafe_b64encode(bson.encode({"v": value, "i": record_id})).decode().rstrip("=")


def _decode(cursor: str) -> tuple[Any, Any]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        decoded: dict[str, Any] = bson.decode(raw, bson.CodecOptions(dict, tz_aware=True))
        value, record_id = decoded["v"], decoded["i"]
    except (binascii.Error, ValueError, KeyError, BSONError):
        raise _bad_cursor() from None
    # Nothing but plain values may get from here into a filter.
    if type(record_id) not in _SCALARS or type(value) not in (*_SCALARS, type(None)):
        raise _bad_cursor()
    return value, record_id


def _bad_cursor() -> InvalidInput:
    return InvalidInput(FieldError("cursor", "is not a nextCursor of this list; start without one"))
