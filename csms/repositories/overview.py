"""What the whole fleet comes to at this moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from csms import db
from csms.repositories.bare_records import count_bare
from csms.repositories.charge_points import TROUBLED
from csms.repositories.transaction_story import READ_OF_TRANSACTION

KEPT_SECONDS = 2.0
"""However many people look, the fleet is counted no more often than this."""
BARE_KEPT_SECONDS = 20.0
"""The same for what no index counts."""

MAX_ACTIVE = 5_000
"""Transactions under way whose power is added up."""


@dataclass(frozen=True)
class Fleet:
    """Counts of charge points; `charging` counts connectors.

    `faulted` and `charging` are of connected ones: what others are at is unknown. `troubled` have
    protocol trouble.
    """

    total: int
    connected: int
    faulted: int
    charging: int
    troubled: int

    @property
    def off_line(self) -> int:
        """How many are not connected."""
        return max(0, self.total - self.connected)


@dataclass(frozen=True)
class Energy:
    """`power` now, W; `today` since a time, Wh; `active` transactions under way."""

    power: float
    today: float
    active: int


class Overview:
    """Counts and sums, kept for a moment."""

    def __init__(self, database: db.Database) -> None:
        self._database = database
        self._kept: dict[object, tuple[float, object]] = {}
        self._lock = asyncio.Lock()

    async def fleet(self) -> Fleet:
        """How the charge points are."""
        found = await self._keep("fleet", self._count)
        assert isinstance(found, Fleet)
        return found

    async def energy(self, since: datetime) -> Energy:
        """What is charged now, and was since then (the viewer's midnight)."""
        found = await self._keep(since, lambda: self._sum(since))
        assert isinstance(found, Energy)
        return found

    async def bare(self) -> int:
        """How many charge points are let in by their identity alone."""
        collection = self._database["charge_points"]
        found = await self._keep("bare", lambda: count_bare(collection), BARE_KEPT_SECONDS)
        assert isinstance(found, int)
        return found

    async def _keep(
        self, key: object, make: Callable[[], Awaitable[object]], seconds: float = KEPT_SECONDS
    ) -> object:
        async with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept[0] < time.monotonic():
                made = await make()
                self._kept = {k: v for k, v in self._kept.items() if v[0] > time.monotonic()}
                kept = self._kept[key] = (time.monotonic() + seconds, made)
            return kept[1]

    async def _count(self) -> Fleet:
        collection = self._database["charge_points"]
        connectors = {"$ifNull": ["$connectors.status", []]}
        pipeline: list[db.Document] = [
            {"$match": {"nodeId": {"$type": "string"}}},
            {
                "$project": {
                    "faulted": {
                        "$or": [
                            {"$eq": ["$status", "Faulted"]},
                            {"$in": ["Faulted", connectors]},
                        ]
                    },
                    "charging": {
                        "$size": {
                            "$filter": {
                                "input": connectors,
                                "as": "status",
                                "cond": {"$eq": ["$$status", "Charging"]},
                            }
                        }
                    },
                }
            },
            {
                "$group": {
                    "_id": None,
                    "connected": {"$sum": 1},
                    "faulted": {"$sum": {"$cond": ["$faulted", 1, 0]}},
                    "charging": {"$sum": "$charging"},
                }
            },
        ]
        async with db.errors():
            total = await collection.estimated_document_count()
            counts = await collection.aggregate(pipeline).to_list(1)
            troubled = await collection.count_documents(TROUBLED, hint="troubled")
        online = counts[0] if counts else {"connected": 0, "faulted": 0, "charging": 0}
        return Fleet(total, online["connected"], online["faulted"], online["charging"], troubled)

    async def _sum(self, since: datetime) -> Energy:
        transactions = self._database["transactions"]
        async with db.errors():
            active = await transactions.count_documents({"status": "Active"}, hint="active")
            running = await transactions.aggregate(_running(since)).to_list(1)
            ended = await transactions.aggregate(_ended(since)).to_list(1)
        power = running[0]["power"] if running else 0.0
        today = sum(found[0]["energy"] for found in (running, ended) if found)
        return Energy(power, today, active)


def _sample(measurand: str) -> db.Document:
    """The reading's sample of the whole connector: without a phase, else the first there is."""
    samples = {
        "$filter": {
            "input": "$sampledValue",
            "as": "sample",
            "cond": {
                "$and": [
                    {"$eq": ["$$sample.measurand", measurand]},
                    {"$ne": ["$$sample.location", "Inlet"]},
                ]
            },
        }
    }
    return {"$first": {"$sortArray": {"input": samples, "sortBy": {"phase": 1}}}}


def _reading(name: str, measurand: str, order: int, since: datetime | None) -> db.Document:
    """Look up one reading of a transaction that has a measurand: the first or the last."""
    match: db.Document = {
        "$expr": READ_OF_TRANSACTION,
        "transactionId": {"$gt": 0},
        "sampledValue.measurand": measurand,
    }
    if since is not None:
        match["timestamp"] = {"$gte": since}
    return {
        "$lookup": {
            "from": "meter_values",
            "let": {"id": "$_id", "owner": "$chargePointId"},
            "pipeline": [
                {"$match": match},
                {"$sort": {"timestamp": order}},
                {"$limit": 1},
                {"$project": {"_id": 0, "value": _sample(measurand)}},
            ],
            "as": name,
        }
    }


_POWER, _REGISTER = "Power.Active.Import", "Energy.Active.Import.Register"


# A reading stands in for a register that was not sent.
_START: db.Document = {"$ifNull": ["$meterStart", "$assumedMeterStart"]}
_STOP: db.Document = {"$ifNull": ["$meterStop", "$assumedMeterStop"]}


def _register_at(since: datetime) -> db.Document:
    """The register when the day began, or when the transaction did if that was later."""
    return {
        "$cond": [
            {"$gte": ["$startTimestamp", since]},
            _START,
            {"$ifNull": [{"$first": "$morning.value.value"}, _START]},
        ]
    }


_READ_FOR: db.Document = dict.fromkeys(
    ("chargePointId", "startTimestamp", "meterStart", "assumedMeterStart"), 1
)


def _running(since: datetime) -> list[db.Document]:
    last = {"$ifNull": [{"$first": "$register.value.value"}, _START]}
    return [
        {"$match": {"status": "Active"}},
        {"$limit": MAX_ACTIVE},
        {"$project": _READ_FOR},
        _reading("power", _POWER, -1, None),
        _reading("register", _REGISTER, -1, since),
        _reading("morning", _REGISTER, 1, since),
        {
            "$group": {
                "_id": None,
                "power": {"$sum": {"$ifNull": [{"$first": "$power.value.value"}, 0]}},
                "energy": {"$sum": {"$max": [0, {"$subtract": [last, _register_at(since)]}]}},
            }
        },
    ]


def _ended(since: datetime) -> list[db.Document]:
    return [
        {"$match": {"status": "Completed", "stopTimestamp": {"$gte": since}}},
        {
            "$project": {
                **_READ_FOR,
                "meterStop": 1,
                "assumedMeterStop": 1,
            }
        },
        _reading("morning", _REGISTER, 1, since),
        {
            "$group": {
                "_id": None,
                "energy": {"$sum": {"$max": [0, {"$subtract": [_STOP, _register_at(since)]}]}},
            }
        },
    ]
