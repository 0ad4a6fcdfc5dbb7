"""What the charts ask for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.pages import Visitor, sign_in
from tests.support.readings import power, store_reading
from tests.support.system import System

pytestmark = pytest.mark.gen_test

PATH = "/meter-values/series"
START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
RANGE = "from=2026-05-01T12:00:00Z&to=2026-05-01T13:00:00Z"


async def asked(visitor: Visitor, path: str) -> tuple[int, Any]:
    status, text = await visitor.page(path)
    return status, json.loads(text)


async def test_series_as_json(system: System) -> None:
    await store_reading(system.database, START, power(11_000))
    visitor = await sign_in(system, "viewer")
    status, answer = await asked(visitor, f"{PATH}?chargePointId=CP1&{RANGE}")
    assert status == 200
    assert answer == {
        "from": "2026-05-01T12:00:00.000Z",
        "to": "2026-05-01T13:00:00.000Z",
        "series": [
            {
                "label": "Power",
                "chargePointId": "CP1",
                "connectorId": 1,
                "measurand": "Power.Active.Import",
                "phase": None,
                "location": "Outlet",
                "unit": "W",
                "points": [[START.timestamp() * 1000, 11_000]],
            }
        ],
    }


async def test_labels_say_in_what_the_series_differ(system: System) -> None:
    soc = {"measurand": "SoC", "value": 50, "location": "EV"}
    await store_reading(system.database, START, power(1, phase="L1"), soc)
    await store_reading(system.database, START, power(1), connector_id=2)
    await store_reading(system.database, START, power(1), charge_point_id="CP2")
    visitor = await sign_in(system)

    async def labels(query: str) -> list[str]:
        _, answer = await asked(visitor, f"{PATH}?{query}&{RANGE}")
        return [one["label"] for one in answer["series"]]

    assert await labels("chargePointId=CP1&connectorId=1") == ["Power L1", "State of charge"]
    assert await labels("chargePointId=CP1&measurand=Power.Active.Import&measurand=x") == [
        "connector 1: Power L1",
        "connector 2: Power",
    ]
    assert await labels("chargePointId=CP1&chargePointId=CP2&measurand=SoC&measurand=") == [
        "State of charge"
    ]
    assert (await labels("chargePointId=CP1&chargePointId=CP2"))[-1] == "CP2, connector 1: Power"


async def test_a_transaction_brings_its_time_along(system: System) -> None:
    for minute in (0, 30):
        time = START + timedelta(minutes=minute)
        await store_reading(system.database, time, power(minute), transaction_id=3)
    visitor = await sign_in(system)
    _, answer = await asked(visitor, f"{PATH}?transactionId=3&measurand=Power.Active.Import")
    assert (answer["from"], answer["to"]) == (
        "2026-05-01T12:00:00.000Z",
        "2026-05-01T12:30:00.001Z",
    )
    assert [value for _, value in answer["series"][0]["points"]] == [0, 30]


async def test_minutes_count_back_from_the_end(system: System) -> None:
    visitor = await sign_in(system)
    _, answer = await asked(visitor, f"{PATH}?chargePointId=CP1&minutes=90&to=2026-05-01T12:00:00Z")
    assert answer["from"] == "2026-05-01T10:30:00.000Z"
    assert answer["series"] == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "connectorId=1",
        "chargePointId=CP1&points=100000",
        "chargePointId=CP1&from=yesterday",
        "&".join(f"chargePointId=CP{n}" for n in range(21)),
    ],
)
async def test_bad_queries(system: System, query: str) -> None:
    visitor = await sign_in(system)
    status, problem = await asked(visitor, f"{PATH}?{query}")
    assert (status, problem["status"]) == (400, 400)


async def test_nobody_sees_readings_unsigned(system: System) -> None:
    response = await system.fetch("GET", f"{PATH}?chargePointId=CP1", token=None)
    assert response.code == 401
