"""Meter values as series for charts: few points, averaged by the database from many samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import ExecutionTimeout

from csms import db
from csms.errors import FieldError, InvalidInput

MAX_MILLISECONDS = 8_000
MAX_SERIES = 240
"""More lines than that are no chart."""

_KEY = ("chargePointId", "connectorId", "measurand", "phase", "location", "unit")


@dataclass(frozen=True, slots=True)
class SeriesFilter:
    """Which samples. Charge points or a transaction must be named; empty or None means any."""

    charge_point_ids: Sequence[str] = ()
    connector_id: int | None = None
    transaction_id: int | None = None
    measurands: Sequence[str] = ()

    def samples(self) -> dict[str, Any]:
        """The filter as MongoDB has it, without the time."""
        found: dict[str, Any] = {}
        if self.charge_point_ids:
            found["chargePointId"] = {"$in": list(self.charge_point_ids)}
        if self.connector_id is not None:
            found["connectorId"] = self.connector_id
        if self.transaction_id is not None:
            # The index holds ids above 0 alone, and is used for what says so.
            found["transactionId"] = {"$eq": self.transaction_id, "$gt": 0}
        if self.measurands:
            found["sampledValue.measurand"] = {"$in": list(self.measurands)}
        return found


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart; `points` are a time, ms since 1970, and a value in `unit`."""

    charge_point_id: str
    connector_id: int
    measurand: str
    phase: str | None
    location: str | None
    unit: str | None
    points: list[tuple[int, float]] = field(default_factory=list)


class MeterSeries:
    """Reads `meter_values` for charts."""

    def __init__(self, database: db.Database) -> None:
        self._collection: db.Collection = database["meter_values"]
        self._transactions: db.Collection = database["transactions"]

    async def _matching(self, wanted: SeriesFilter) -> dict[str, Any]:
        """The filter, which finds no readings under the transaction of another charge point."""
        found = wanted.samples()
        if wanted.transaction_id is not None:
            one = {"_id": wanted.transaction_id}
            transaction = await self._transactions.find_one(one, ["chargePointId"])
            if transaction is not None:
                found["$and"] = [{"chargePointId": transaction["chargePointId"]}]
        return found

    async def span(self, wanted: SeriesFilter) -> tuple[datetime, datetime] | None:
        """The times of the first and the last sample; None if there is none.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        async with db.errors():
            found = await self._matching(wanted)
            ends = [
                await self._collection.find_one(
                    found, {"timestamp": 1}, sort=[("timestamp", order)]
                )
                for order in (ASCENDING, DESCENDING)
            ]
        first, last = ends
        if first is None or last is None:
            return None
        return first["timestamp"], last["timestamp"]

    async def newest(
        self, wanted: SeriesFilter, since: datetime, until: datetime, count: int
    ) -> list[db.Document]:
        """The latest samples, newest first, each with the fields of its reading.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        order = [("timestamp", DESCENDING), ("_id", DESCENDING)]
        async with db.errors():
            found = {**await self._matching(wanted), "timestamp": {"$gte": since, "$lt": until}}
            documents = await self._collection.find(found).sort(order).limit(count).to_list(None)
        samples = (
            {**document, **sample}
            for document in documents
            for sample in document["sampledValue"]
            if not wanted.measurands or sample["measurand"] in wanted.measurands
        )
        return list(islice(samples, count))

    async def find(
        self, wanted: SeriesFilter, since: datetime, until: datetime, points: int
    ) -> list[Series]:
        """The series from `since` to before `until`, each of at most `points` points.

        A point is the average of the samples in its part of the time, at their average time.

        Raises:
            InvalidInput: there are more samples than can be read in some seconds, or more series
                than anybody can tell apart.
            DatabaseUnavailable: MongoDB did not answer.
        """
        width = max(1, -((since - until) // timedelta(milliseconds=points)))
        try:
            async with db.errors():
                found = await self._matching(wanted)
                pipeline = _pipeline(found, wanted.measurands, since, until, width)
                rows = await self._collection.aggregate(
                    pipeline, maxTimeMS=MAX_MILLISECONDS, allowDiskUse=True
                ).to_list(MAX_SERIES * points + 1)
        except Exception as error:
            if isinstance(error.__cause__, ExecutionTimeout):
                raise InvalidInput(
                    FieldError("from", "this is too much to draw; choose a shorter time")
                ) from error
            raise
        if len(rows) > MAX_SERIES * points:
            raise InvalidInput(
                FieldError("chargePointId", "these are too many lines for a chart; choose fewer")
            )
        return _series(rows)


def _pipeline(
    found: Mapping[str, Any],
    measurands: Sequence[str],
    since: datetime,
    until: datetime,
    width: int,
) -> list[db.Document]:
    time: db.Document = {"$gte": since, "$lt": until}
    fits: list[Any] = [{"$isNumber": "$$sample.value"}]
    if measurands:
        fits.append({"$in": ["$$sample.measurand", list(measurands)]})
    # What is left out before samples become documents of their own costs the least.
    samples = {"$filter": {"input": "$sampledValue", "as": "sample", "cond": {"$and": fits}}}
    milliseconds = {"$subtract": ["$timestamp", since]}
    return [
        {"$match": {**found, "timestamp": time}},
        {
            "$project": {
                "_id": 0,
                "chargePointId": 1,
                "connectorId": 1,
                "time": {"$toLong": "$timestamp"},
                "part": {"$floor": {"$divide": [milliseconds, width]}},
                "sample": samples,
            }
        },
        {"$unwind": "$sample"},
        {
            "$group": {
                "_id": {
                    "chargePointId": "$chargePointId",
                    "connectorId": "$connectorId",
                    "measurand": "$sample.measurand",
                    "phase": "$sample.phase",
                    "location": "$sample.location",
                    "unit": "$sample.unit",
                    "part": "$part",
                },
                "time": {"$avg": "$time"},
                "value": {"$avg": "$sample.value"},
            }
        },
        {"$sort": {f"_id.{name}": ASCENDING for name in (*_KEY, "part")}},
    ]


def _series(rows: Sequence[Mapping[str, Any]]) -> list[Series]:
    found: dict[tuple[Any, ...], Series] = {}
    for row in rows:
        key = tuple(row["_id"].get(name) for name in _KEY)
        series = found.setdefault(key, Series(*key))
        series.points.append((round(row["time"]), row["value"]))
    return list(found.values())
