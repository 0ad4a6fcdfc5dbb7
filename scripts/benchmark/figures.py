"""What is measured. Every figure is a ratio of two numbers taken one after the other."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import pymongo

from benchmark.processes import TOKEN, Result, Server, baseline, csms, generator, load
from csms.domain.charge_point import NewChargePoint, new_record

Database = pymongo.database.Database[dict[str, Any]]
BATCH = 10_000


@dataclass(frozen=True)
class Figure:
    """One row of the table. `goal` is a least value, or a most value if `at_most`."""

    name: str
    value: float
    goal: float
    unit: str = ""
    at_most: bool = False
    detail: str = ""

    @property
    def reached(self) -> bool:
        """Whether the goal is."""
        return self.value <= self.goal if self.at_most else self.value >= self.goal


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    seconds: float
    rounds: int
    idle: int
    storm_seconds: float
    fleet: int
    readings: int

    @property
    def few(self) -> int:
        """Charge points on record from the beginning."""
        return max(1_000, self.idle + 50)


FULL = Size(seconds=6, rounds=3, idle=10_000, storm_seconds=20, fleet=100_000, readings=5_000_000)
QUICK = Size(seconds=3, rounds=2, idle=2_000, storm_seconds=6, fleet=100_000, readings=200_000)


def database(server: Server) -> Database:
    """The database of a csms."""
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(server.mongodb)
    return client["csms"]


def whitelist(server: Server, first: int, last: int) -> None:
    """Put charge points on record, as they are after an import."""
    now = datetime.now(UTC)
    collection = database(server).charge_points
    for start in range(first, last, BATCH):
        numbers = range(start, min(start + BATCH, last))
        collection.insert_many([_record(number, now) for number in numbers])


def _record(number: int, now: datetime) -> dict[str, Any]:
    new = NewChargePoint(
        id=f"CP{number}",
        chargePointIdentity=f"CP{number}",
        stationName=f"สถานี {number % 977}",
        location=f"Road {number % 4999}",
    )
    return new_record(new, None, now)


def rates(server: Server, size: Size) -> Iterator[Figure]:
    """Calls per second, 200 charge points in a closed loop."""
    with baseline("echo") as echo, baseline("stock", server.mongodb) as stock:
        meter = [_pair("meter", echo, server, size) for _ in range(size.rounds)]
        heartbeat = [_pair("heartbeat", echo, server, size) for _ in range(size.rounds)]
        usual = load("meter", stock.url, seconds=size.seconds)
        again = load("meter", server.url, seconds=size.seconds)
    odd = [_strict_and_odd(server, size) for _ in range(size.rounds)]
    yield Figure("MeterValues / bare echo", _ratio(meter, "rate"), 0.80, detail=_rates(meter))
    yield Figure(
        "MeterValues p99 / echo p99", _ratio(meter, "p99"), 3, at_most=True, detail=_late(meter)
    )
    yield Figure(
        "MeterValues / stock stack",
        again["rate"] / usual["rate"],
        10,
        detail=f"{again['rate']:,.0f} : {usual['rate']:,.0f} per second",
    )
    yield Figure("Heartbeat / bare echo", _ratio(heartbeat, "rate"), 1.0, detail=_rates(heartbeat))
    yield Figure(
        "MeterValues with quirks / by the standard", _ratio(odd, "rate"), 0.5, detail=_rates(odd)
    )
    others = [ours for _, ours in meter] + [result for pair in odd for result in pair]
    acknowledged = again["answered"] + sum(result["answered"] for result in others)
    yield _counted(server, acknowledged)


def _pair(what: str, echo: Server, server: Server, size: Size) -> tuple[Result, Result]:
    bare = load(what, echo.url, seconds=size.seconds, boot=False)
    return bare, load(what, server.url, seconds=size.seconds)


def _strict_and_odd(server: Server, size: Size) -> tuple[Result, Result]:
    strict = load("meter", server.url, seconds=size.seconds)
    return strict, load("odd-meter", server.url, seconds=size.seconds)


def _ratio(pairs: list[tuple[Result, Result]], name: str) -> float:
    return median(float(ours[name] / bare[name]) for bare, ours in pairs)


def _rates(pairs: list[tuple[Result, Result]]) -> str:
    ours = median(ours["rate"] for _, ours in pairs)
    return f"{ours:,.0f} : {median(bare['rate'] for bare, _ in pairs):,.0f} per second"


def _late(pairs: list[tuple[Result, Result]]) -> str:
    ours = median(ours["p99"] for _, ours in pairs)
    return f"{ours * 1000:.0f} : {median(bare['p99'] for bare, _ in pairs) * 1000:.0f} ms"


def _counted(server: Server, acknowledged: int) -> Figure:
    stored = database(server).meter_values.count_documents({})
    return Figure(
        "documents / acknowledged MeterValues",
        stored / acknowledged,
        1.0,
        detail=f"{stored:,} : {acknowledged:,}",
    )


def fleet_size(_: Server, size: Size) -> Iterator[Figure]:
    """The rate of a server with many charge points on record, beside that of one with few.

    Both are new: what one has stored before would count as well.
    """
    with _new(size.few) as few, _new(size.fleet) as many:
        pairs = [
            (
                load("meter", few.url, seconds=size.seconds),
                load("meter", many.url, seconds=size.seconds),
            )
            for _ in range(size.rounds)
        ]
    yield Figure(
        f"MeterValues with {size.fleet:,} on record / with few",
        _ratio(pairs, "rate"),
        0.9,
        detail=_rates(pairs),
    )


@contextmanager
def _new(count: int) -> Iterator[Server]:
    """A csms of its own, with so many charge points on record."""
    with TemporaryDirectory(prefix="csms-bench-") as directory:
        data = Path(directory)
        with csms(data / "data", data / "log") as server:
            whitelist(server, 0, count)
            yield server


def storm(server: Server, size: Size) -> Iterator[Figure]:
    """Everybody comes at once; the others' heartbeats go on meanwhile."""
    with baseline("echo") as echo, _held(echo, size.idle, boot=False) as (_, bare):
        pass
    empty = server.resident_kb()
    with _held(server, size.idle) as (kb, _):
        idle = (kb - empty) / size.idle
    time.sleep(5)
    with generator(
        "heartbeat", server.url, count=50, first=size.idle, seconds=size.storm_seconds, pause=0.1
    ) as others:
        time.sleep(2)
        with _held(server, size.idle) as (_, storming):
            assert others.stdout is not None
            beats: Result = json.loads(others.stdout.readline())
    yield Figure(
        f"storm of {size.idle:,} / bare upgrades",
        bare["seconds"] / storming["synced_seconds"],
        0.33,
        detail=f"{storming['synced_seconds']:.1f} : {bare['seconds']:.1f} s, "
        f"{storming['tries']:,} tries, {storming['synced']:,} synced",
    )
    yield Figure("heartbeats of others meanwhile, p99", beats["p99"], 1, "s", at_most=True)
    yield Figure("memory per idle charge point", idle, 35, "kB", at_most=True)


class _held:
    """Charge points that stay connected; gives the server's memory and how they came."""

    def __init__(self, server: Server, count: int, **options: Any) -> None:
        self._server = server
        self._generator = generator("hold", server.url, count=count, **options)

    def __enter__(self) -> tuple[int, Result]:
        process = self._generator.__enter__()
        assert process.stdout is not None
        told: Result = json.loads(process.stdout.readline())
        time.sleep(3)
        return self._server.resident_kb(), told

    def __exit__(self, *error: Any) -> None:
        self._generator.__exit__(*error)


def queries(server: Server, size: Size) -> Iterator[Figure]:
    """Pages of the admin REST."""
    whitelist(server, size.few, size.fleet)
    for text in ("road 4321", "สถานี 97", "nobody"):
        page = f"/admin/charge-points?q={quote(text)}&limit=50"
        yield Figure(f"search for {text!r}", _milliseconds(server, page), 50, "ms", at_most=True)
    _fill_meter_values(server, size.readings)
    since = (datetime.now(UTC) - timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    page = f"/admin/meter-values?chargePointId=CP77&from={since}&limit=100"
    yield Figure(
        f"meter values of one among {size.readings:,}",
        _milliseconds(server, page),
        50,
        "ms",
        at_most=True,
    )


def _milliseconds(server: Server, path: str) -> float:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    took = []
    for _ in range(9):
        started = time.perf_counter()
        with urllib.request.urlopen(request, timeout=30) as response:
            response.read()
        took.append(time.perf_counter() - started)
    return median(took) * 1000


def _fill_meter_values(server: Server, count: int) -> None:
    collection = database(server).meter_values
    sample = {
        "measurand": "Energy.Active.Import.Register",
        "value": 1.0,
        "raw": "1",
        "unit": "Wh",
        "phase": None,
        "context": "Sample.Periodic",
        "location": "Outlet",
        "format": "Raw",
    }
    now = datetime.now(UTC)
    for start in range(0, count, BATCH):
        documents = [
            {
                "_id": f"bench-{number}",
                "chargePointId": f"CP{number % 1000}",
                "chargePointIdentity": f"CP{number % 1000}",
                "connectorId": 1,
                "transactionId": None,
                "timestamp": now - timedelta(seconds=count - number),
                "receivedAt": now,
                "sampledValue": [sample],
                "flags": [],
            }
            for number in range(start, min(start + BATCH, count))
        ]
        collection.insert_many(documents, ordered=False)
