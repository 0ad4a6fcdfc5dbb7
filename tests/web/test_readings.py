"""Meter values, heartbeats and boots, as analysts ask for them."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tornado.simple_httpclient import HTTPStreamClosedError

from csms.web.api import readings
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

BASE = datetime(2026, 11, 1, tzinfo=UTC)


def reading(minute: int, **changes: Any) -> dict[str, Any]:
    def sample(measurand: str, value: float, unit: str) -> dict[str, Any]:
        return {
            "measurand": measurand, "value": value, "raw": str(value), "unit": unit, "phase": None,
            "context": "Sample.Periodic", "location": "Outlet", "format": "Raw",
        }  # fmt: skip

    return {
        "_id": f"{minute:032x}",
        "chargePointId": "CP1",
        "chargePointIdentity": "=CP1",
        "connectorId": 1,
        "transactionId": 7,
        "timestamp": BASE + timedelta(minutes=minute),
        "receivedAt": BASE + timedelta(minutes=minute),
        "sampledValue": [
            sample("Energy.Active.Import.Register", 1000.0 + minute, "Wh"),
            sample("SoC", 50.0, "Percent"),
        ],
        "flags": [],
        **changes,
    }


async def store(system: System, *documents: dict[str, Any]) -> None:
    await system.database.meter_values.insert_many(documents)


async def minutes(system: System, query: str) -> list[int]:
    status, page = await system.rest("GET", f"/admin/meter-values?{query}")
    assert status == 200, page
    return [int(item["id"], 16) for item in page["items"]]


async def test_filters_and_order(system: System) -> None:
    await store(
        system,
        reading(0), reading(1), reading(2),
        reading(3, chargePointId="CP2"), reading(4, connectorId=2), reading(5, transactionId=None),
    )  # fmt: skip
    assert await minutes(system, "") == [5, 4, 3, 2, 1, 0]
    assert await minutes(system, "order=asc&chargePointId=CP1&connectorId=1") == [0, 1, 2, 5]
    assert await minutes(system, "chargePointId=CP2") == [3]
    assert await minutes(system, "transactionId=7&connectorId=1&chargePointId=CP1") == [2, 1, 0]
    assert await minutes(system, "from=2026-11-01T00:01:00Z&to=2026-11-01T00:03:00Z") == [2, 1]
    assert await minutes(system, "from=2026-11-01T07:01:00%2B07:00&to=2026-11-01T00:02:00") == [1]
    assert await minutes(system, "measurand=Voltage") == []


async def test_a_measurand_shows_its_samples_alone(system: System) -> None:
    await store(system, reading(0))
    _, page = await system.rest("GET", "/admin/meter-values?measurand=SoC")
    [item] = page["items"]
    assert [sample["measurand"] for sample in item["sampledValue"]] == ["SoC"]
    assert item["timestamp"] == "2026-11-01T00:00:00Z"


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_neither_repeat_nor_skip(system: System, order: str) -> None:
    # All at the same instant: only the id can tell them apart.
    await store(system, *(reading(n) | {"timestamp": BASE} for n in range(25)))
    seen: list[str] = []
    cursor = ""
    while True:
        _, page = await system.rest("GET", f"/admin/meter-values?limit=10&order={order}{cursor}")
        seen += [item["id"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert len(seen) == len(set(seen)) == 25


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday", "connectorId=x", "limit=0", "limit=1001", "format=xml", "order=up",
        "cursor=e30", "format=csv&cursor=e30", "idTag=x", "chargePointId[$gt]=",
    ],
)  # fmt: skip
async def test_bad_queries_are_a_422(system: System, query: str) -> None:
    status, problem = await system.rest("GET", f"/admin/meter-values?{query}")
    assert status == 422 and problem["errors"][0]["message"]


async def test_ndjson_streams_everything(system: System) -> None:
    await store(system, *(reading(n) for n in range(1500)))
    response = await system.fetch("GET", "/admin/meter-values?format=ndjson&order=asc")
    assert response.headers["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in response.body.splitlines()]
    assert [int(line["id"], 16) for line in lines] == list(range(1500))
    response = await system.fetch("GET", "/admin/meter-values?format=ndjson&limit=3")
    assert len(response.body.splitlines()) == 3


async def test_csv_has_a_line_for_each_sample(system: System) -> None:
    await store(system, reading(0, flags=["clockSkew", "unknownUnit"]))
    response = await system.fetch("GET", "/admin/meter-values?format=csv")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    energy, soc = csv.DictReader(io.StringIO(response.body.decode()))
    assert energy == {
        "chargePointId": "CP1", "chargePointIdentity": "'=CP1", "connectorId": "1",
        "transactionId": "7", "timestamp": "2026-11-01T00:00:00.000Z",
        "receivedAt": "2026-11-01T00:00:00.000Z", "measurand": "Energy.Active.Import.Register",
        "phase": "", "value": "1000.0", "unit": "Wh", "context": "Sample.Periodic",
        "location": "Outlet", "format": "Raw", "raw": "1000.0", "flags": "clockSkew unknownUnit",
        "reportedTransactionId": "",
    }  # fmt: skip
    assert soc["measurand"] == "SoC"


async def test_heartbeats_and_boots(system: System) -> None:
    charge_point = await system.online(chargePointSerialNumber="-1+1")
    await charge_point.call("Heartbeat", {})

    async def heartbeats() -> Any:
        return (await system.rest("GET", "/admin/heartbeats?chargePointId=CP1"))[1]["items"]

    [heartbeat] = await eventually(heartbeats, len)
    assert set(heartbeat) == {"chargePointId", "chargePointIdentity", "receivedAt"}
    _, page = await system.rest("GET", "/admin/boot-notifications")
    [boot] = page["items"]
    assert (boot["verdict"], boot["payload"]["chargePointVendor"]) == ("Accepted", "Acme")
    response = await system.fetch("GET", "/admin/boot-notifications?format=csv")
    [row] = csv.DictReader(io.StringIO(response.body.decode()))
    assert (row["chargePointId"], row["serialNumber"]) == ("CP1", "'-1+1")
    response = await system.fetch("GET", "/admin/heartbeats?format=csv&to=2020-01-01T00:00:00Z")
    assert response.body.decode().split() == ["chargePointId,chargePointIdentity,receivedAt"]
    assert (await system.rest("GET", "/admin/heartbeats?measurand=SoC"))[0] == 422


async def test_queries_use_their_indexes(system: System) -> None:
    await store(system, *(reading(n, chargePointId=f"CP{n % 50}") for n in range(500)))
    explained = await (
        system.database.meter_values.find(
            {"chargePointId": "CP7", "timestamp": {"$gte": BASE, "$lt": BASE + timedelta(days=1)}}
        )
        .sort([("timestamp", -1), ("_id", -1)])
        .limit(100)
        .explain()
    )
    assert explained["executionStats"]["totalDocsExamined"] == 10


async def test_rejected_connections(system: System) -> None:
    for identity in ("a", "a", "b"):
        stranger = await system.connect(identity)
        await stranger.closed()
    _, page = await system.rest("GET", "/admin/rejected-connections?chargePointIdentity=a")
    [item] = page["items"]
    assert (item["reason"], item["count"], item["remoteAddress"]) == (
        "Not whitelisted", 2, "127.0.0.1"
    )  # fmt: skip
    _, page = await system.rest("GET", "/admin/rejected-connections")
    assert [item["chargePointIdentity"] for item in page["items"]] == ["b", "a"]


async def test_transactions(system: System) -> None:
    charge_point = await system.online()
    ids = []
    for n, id_tag in enumerate(("TAG1", "tag1", "TAG2")):
        payload = {"connectorId": n + 1, "idTag": id_tag, "meterStart": 5,
                   "timestamp": f"2026-11-0{n + 1}T00:00:00Z"}  # fmt: skip
        ids.append((await charge_point.call("StartTransaction", payload))["transactionId"])

    async def found(query: str) -> list[int]:
        status, page = await system.rest("GET", f"/admin/transactions?{query}")
        assert status == 200, page
        return [item["transactionId"] for item in page["items"]]

    assert await found("") == ids[::-1]
    assert await found("idTag=TaG1&order=asc") == ids[:2]
    assert await found("connectorId=3") == [ids[2]]
    assert await found(f"transactionId={ids[1]}") == [ids[1]]
    assert await found("from=2026-11-02T00:00:00Z&to=2026-11-03T00:00:00Z") == [ids[1]]
    assert await found("active=false") == []
    assert await found("chargePointId=nobody") == []
    for bad in ("0x1", "99999999999", "-1", "x"):
        assert (await system.rest("GET", f"/admin/transactions/{bad}"))[0] == 404


async def test_a_plus_sign_sent_as_it_is_means_a_zone(system: System) -> None:
    await system.database.meter_values.insert_many([reading(0), reading(60)])
    _, page = await system.rest("GET", "/admin/meter-values?from=2026-11-01T07:30:00+07:00")
    assert [item["timestamp"] for item in page["items"]] == ["2026-11-01T01:00:00Z"]


async def test_a_stream_that_fails_in_the_middle_does_not_look_complete(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "FLUSH_BYTES", 1)
    broken = reading(0, sampledValue=[{"measurand": "SoC", "value": "none"}])
    await system.database.meter_values.insert_many([reading(1), broken])
    with pytest.raises(HTTPStreamClosedError):
        await system.fetch("GET", "/admin/meter-values?format=ndjson")


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_hold_what_has_no_time_too(system: System, order: str) -> None:
    times = [BASE, None, BASE + timedelta(hours=1), None]
    await system.database.transactions.insert_many(
        {
            "_id": number,
            "chargePointId": "CP1",
            "status": "Orphaned",
            "startTimestamp": time,
            "startKey": str(number),
        }
        for number, time in enumerate(times, start=1)
    )
    found: list[int] = []
    cursor = ""
    while True:
        path = f"/admin/transactions?limit=1&order={order}{cursor}"
        _, page = await system.rest("GET", path)
        found += [item["transactionId"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert found == ([2, 4, 1, 3] if order == "asc" else [3, 1, 4, 2])


@pytest.mark.parametrize("found", [{}, {"chargePointId": "CP1"}, {"transactionId": 7}])
async def test_an_index_brings_the_newest_without_sorting_all(
    system: System, found: dict[str, Any]
) -> None:
    await system.database.meter_values.insert_many([reading(minute) for minute in range(50)])
    newest = system.database.meter_values.find(found).sort([("timestamp", -1), ("_id", -1)])
    assert (await newest.limit(2).explain())["executionStats"]["totalDocsExamined"] == 2
