"""What the analysts' resources share: time ranges, and answers as JSON pages, NDJSON or CSV.

NDJSON and CSV stream everything that matches, with back-pressure and a batch in memory at a time.
Whatever fails in the middle, such as a database that goes away, cuts the connection: an incomplete
answer must not look like a complete one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import structlog
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from tornado.iostream import StreamClosedError

from csms import db
from csms.domain.csv_cells import neutralise
from csms.domain.text import COMPOSED
from csms.domain.times import rfc3339, to_utc
from csms.errors import DatabaseUnavailable, FieldError, InvalidInput
from csms.repositories.pages import Order, Page, find_page, stream
from csms.web.api.base import ApiHandler

log = structlog.get_logger(__name__)

MAX_PAGE = 1000
DEFAULT_PAGE = 100
FLUSH_BYTES = 65_536

MEDIA = ("application/json", "application/x-ndjson", "text/csv")


_PLUS_LOST = re.compile(r" (?=\d{2}:?\d{2}$)")


def with_plus(time: object) -> object:
    """A time of a query string, with the sign of its zone put back."""
    # In a query string a plus sign means a space, and is easily sent as it is.
    return _PLUS_LOST.sub("+", time) if isinstance(time, str) and ":" in time[:-6] else time


Time = Annotated[datetime, BeforeValidator(with_plus), AfterValidator(to_utc)]
Integer = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""What MongoDB can compare with."""
Id = Annotated[str, Field(min_length=1, max_length=255), COMPOSED]


def between(since: datetime | None, until: datetime | None) -> dict[str, datetime]:
    """The condition of a time that lies between two, of which either may be left open."""
    bounds = {"$gte": since, "$lt": until}
    return {name: time for name, time in bounds.items() if time is not None}


class TimeRange(BaseModel):
    """Filters of lists that have a time."""

    model_config = ConfigDict(extra="forbid")

    chargePointId: Id | None = None
    since: Time | None = Field(None, alias="from", description="inclusive; UTC if no zone is given")
    until: Time | None = Field(None, alias="to", description="exclusive")
    order: Order = Field("desc", description="by time: desc has the newest first")
    cursor: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="`nextCursor` of the page before"
    )

    def filter(self, time_field: str) -> dict[str, Any]:
        """The filters as MongoDB has them."""
        found: dict[str, Any] = {}
        if self.chargePointId is not None:
            found["chargePointId"] = self.chargePointId
        if bounds := between(self.since, self.until):
            found[time_field] = bounds
        return found


class ReadingsQuery(TimeRange):
    """Filters and format of an analysts' resource."""

    limit: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="items: on a JSON page 100 unless told, 1000 at most; else all"
    )
    format: Literal["json", "ndjson", "csv"] = Field(
        "json", description="json: a page; ndjson and csv: everything that matches, streamed"
    )


@dataclass(frozen=True)
class Readings:
    """An analysts' resource: its collection, its time, and its ways to show a document."""

    collection: db.Collection
    time_field: str
    view: Callable[[db.Document], BaseModel]
    columns: Sequence[str]
    rows: Callable[[db.Document], Iterable[Mapping[str, Any]]]
    """The CSV rows of a document, by column."""


async def answer(
    handler: ApiHandler, readings: Readings, found: Mapping[str, Any], query: ReadingsQuery
) -> Page[Any] | None:
    """Answer in the format asked for; a page is returned, the others are streamed."""
    if query.format == "json":
        if (query.limit or 0) > MAX_PAGE:
            raise InvalidInput(
                FieldError("limit", f"is {MAX_PAGE} at most; ndjson and csv have no limit")
            )
        documents, cursor = await find_page(
            readings.collection,
            found,
            sort_field=readings.time_field,
            order=query.order,
            limit=query.limit or DEFAULT_PAGE,
            cursor=query.cursor,
        )
        return Page(items=[readings.view(document) for document in documents], nextCursor=cursor)
    if query.cursor is not None:
        raise InvalidInput(FieldError("cursor", "is for format=json alone"))
    await _stream(handler, readings, found, query)
    return None


async def _stream(
    handler: ApiHandler, readings: Readings, found: Mapping[str, Any], query: ReadingsQuery
) -> None:
    is_csv = query.format == "csv"
    encode = _csv_encoder(readings) if is_csv else _ndjson_encoder(readings)
    media = "text/csv; charset=utf-8" if is_csv else "application/x-ndjson"
    buffer = [_csv_line(readings.columns)] if is_csv else []
    size = 0
    documents = stream(
        readings.collection,
        found,
        sort_field=readings.time_field,
        order=query.order,
        limit=query.limit,
    )
    handler.set_header("Content-Type", media)
    try:
        async with aclosing(documents):
            async for document in documents:
                text = encode(document)
                buffer.append(text)
                size += len(text)
                if size >= FLUSH_BYTES:
                    handler.write("".join(buffer))
                    await handler.flush()
                    buffer, size = [], 0
    except StreamClosedError:
        return
    except Exception as error:
        if not handler.is_streaming:
            raise
        handler.cut()
        if not isinstance(error, DatabaseUnavailable):
            log.exception("stream_failed", path=handler.request.path)
        return
    handler.write("".join(buffer))
    handler.finish()


def _ndjson_encoder(readings: Readings) -> Callable[[db.Document], str]:
    return lambda document: readings.view(document).model_dump_json() + "\n"


def _csv_encoder(readings: Readings) -> Callable[[db.Document], str]:
    def encode(document: db.Document) -> str:
        return "".join(
            _csv_line([_cell(row.get(column)) for column in readings.columns])
            for row in readings.rows(document)
        )

    return encode


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return neutralise(str(value))


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
