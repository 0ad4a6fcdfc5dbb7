"""Series for charts, on a real database: averages, gaps, what is told apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from csms import db
from csms.errors import InvalidInput
from csms.repositories import meter_series
from csms.repositories.meter_series import MeterSeries, SeriesFilter
from tests.support.readings import power, store_reading

pytestmark = pytest.mark.gen_test

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def milliseconds(**after: float) -> int:
    return round((START + timedelta(**after)).timestamp() * 1000)


async def test_samples_are_averaged_into_few_points(database: db.Database) -> None:
    for second in range(120):
        await store_reading(database, START + timedelta(seconds=second), power(second // 60 * 100))
    found = await MeterSeries(database).find(
        SeriesFilter(("CP1",)), START, START + timedelta(minutes=2), 2
    )
    assert [series.points for series in found] == [
        [(milliseconds(seconds=29.5), 0), (milliseconds(seconds=89.5), 100)]
    ]
    assert (found[0].measurand, found[0].unit) == ("Power.Active.Import", "W")


async def test_the_end_is_not_part_of_the_time(database: db.Database) -> None:
    for time in (START - HOUR, START, START + HOUR):
        await store_reading(database, time, power(1))
    found = await MeterSeries(database).find(SeriesFilter(("CP1",)), START, START + HOUR, 10)
    assert [series.points for series in found] == [[(milliseconds(), 1)]]


async def test_what_differs_is_another_series(database: db.Database) -> None:
    amperes = {"measurand": "Current.Import", "value": 10}
    await store_reading(
        database, START, power(1), {**amperes, "phase": "L1"}, {**amperes, "phase": "L2"}
    )
    await store_reading(database, START, power(2), connector_id=2)
    await store_reading(database, START, power(3), charge_point_id="CP2")
    await store_reading(database, START, power(4, location="Inlet"))
    found = await MeterSeries(database).find(
        SeriesFilter(("CP1", "CP2", "CP3")), START, START + HOUR, 10
    )
    assert [
        (s.charge_point_id, s.connector_id, s.measurand, s.phase, s.location, s.points[0][1])
        for s in found
    ] == [
        ("CP1", 1, "Current.Import", "L1", "Outlet", 10),
        ("CP1", 1, "Current.Import", "L2", "Outlet", 10),
        ("CP1", 1, "Power.Active.Import", None, "Inlet", 4),
        ("CP1", 1, "Power.Active.Import", None, "Outlet", 1),
        ("CP1", 2, "Power.Active.Import", None, "Outlet", 2),
        ("CP2", 1, "Power.Active.Import", None, "Outlet", 3),
    ]


async def test_filters(database: db.Database) -> None:
    soc = {"measurand": "SoC", "value": 50}
    await store_reading(database, START, power(1), soc, transaction_id=7)
    await store_reading(database, START, power(2), connector_id=2)
    repository = MeterSeries(database)

    async def values(wanted: SeriesFilter) -> list[float]:
        found = await repository.find(wanted, START, START + HOUR, 10)
        return [series.points[0][1] for series in found]

    assert await values(SeriesFilter(transaction_id=7)) == [1, 50]
    assert await values(SeriesFilter(("CP1",), connector_id=2)) == [2]
    assert await values(SeriesFilter(("CP1",), measurands=("SoC",))) == [50]
    assert await values(SeriesFilter(("CP2",))) == []


async def test_what_is_no_number_is_left_out(database: db.Database) -> None:
    await store_reading(database, START, power("a lot"))
    await store_reading(database, START + timedelta(seconds=1), power(5))
    found = await MeterSeries(database).find(SeriesFilter(("CP1",)), START, START + HOUR, 1)
    assert [series.points for series in found] == [[(milliseconds(seconds=1), 5)]]


async def test_the_span_of_a_transaction(database: db.Database) -> None:
    repository = MeterSeries(database)
    assert await repository.span(SeriesFilter(transaction_id=7)) is None
    for time in (START + HOUR, START, START + HOUR / 2):
        await store_reading(database, time, power(1), transaction_id=7)
    await store_reading(database, START + 2 * HOUR, power(1))
    assert await repository.span(SeriesFilter(transaction_id=7)) == (START, START + HOUR)


async def test_too_much_to_read(database: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_series, "MAX_MILLISECONDS", 1)
    documents = [
        {"_id": str(n), "chargePointId": "CP1", "timestamp": START, "sampledValue": [{"value": n}]}
        for n in range(10_000)
    ]
    await database.meter_values.insert_many(documents)
    with pytest.raises(InvalidInput) as raised:
        await MeterSeries(database).find(SeriesFilter(("CP1",)), START, START + HOUR, 300)
    assert raised.value.errors[0].field == "from"


async def test_too_many_lines(database: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_series, "MAX_SERIES", 2)
    for connector_id in (1, 2, 3):
        await store_reading(database, START, power(1), connector_id=connector_id)
    repository = MeterSeries(database)
    with pytest.raises(InvalidInput) as raised:
        await repository.find(SeriesFilter(("CP1",)), START, START + HOUR, 1)
    assert raised.value.errors[0].field == "chargePointId"
    assert len(await repository.find(SeriesFilter(("CP1",)), START, START + HOUR, 2)) == 3
