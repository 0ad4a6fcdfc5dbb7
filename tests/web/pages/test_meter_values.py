"""The meter explorer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from tests.support.pages import sign_in
from tests.support.readings import power, store_reading
from tests.support.system import System

pytestmark = pytest.mark.gen_test

PATH = "/meter-values"


async def test_nothing_is_chosen_yet(system: System) -> None:
    visitor = await sign_in(system, "viewer")
    status, text = await visitor.page(PATH)
    assert status == 200
    assert "Choose one or more charge points" in text
    assert "Chart.bundle.js" not in text


async def test_several_charge_points_and_measurands(system: System) -> None:
    now = datetime.now(UTC)
    soc = {"measurand": "SoC", "value": 55}
    await store_reading(system.database, now - timedelta(minutes=2), power(11_000), soc)
    await store_reading(
        system.database, now - timedelta(minutes=1), power(7_500.5), charge_point_id="CP2"
    )
    await store_reading(
        system.database, now - timedelta(hours=2), power(1_234), charge_point_id="CP2"
    )
    visitor = await sign_in(system, "viewer")
    asked = "chargePointId=CP1&chargePointId=CP2&chargePointId=CP1&chargePointId="
    status, text = await visitor.page(f"{PATH}?{asked}&measurand=Power.Active.Import&span=1h")
    assert status == 200
    text = unescape(text)
    series = "/meter-values/series?chargePointId=CP1&chargePointId=CP2"
    assert f"{series}&measurand=Power.Active.Import&minutes=60" in text
    table = text.partition('id="samples"')[2]
    assert table.index("7,500.5 W") < table.index("11,000 W")
    assert "1,234 W" not in table and "55 %" not in table
    for form in ("csv", "ndjson"):
        link = "/admin/meter-values?chargePointId=CP2&measurand=Power.Active.Import"
        assert f"{link}&format={form}&from=" in text
    _, text = await visitor.page(f"{PATH}?{asked}&measurand=SoC&measurand=Power.Active.Import")
    assert "55 %" in text
    assert text.count('class="chart"') == 2


async def test_a_time_in_the_viewers_zone(system: System) -> None:
    await store_reading(system.database, datetime(2026, 5, 1, 5, 30, tzinfo=UTC), power(42))
    visitor = await sign_in(system, "viewer")
    visitor.cookies["csms_zone"] = "Asia/Bangkok"
    times = "from=2026-05-01T12:00:00&to=2026-05-01T13:00:00"
    _, text = await visitor.page(f"{PATH}?chargePointId=CP1&span=custom&{times}")
    assert "42 W" in text and "2026-05-01</span> <span>12:30:00" in text
    link = "from=2026-05-01T05%3A00%3A00.000Z&to=2026-05-01T06%3A00%3A00.000Z"
    assert link in unescape(text)
    assert "data-live-every" not in text
    _, text = await visitor.page(f"{PATH}?chargePointId=CP1&span=today&{times}")
    assert "42 W" not in text
    assert "T17%3A00%3A00.000Z" in text
    assert 'data-live-every="10"' in text


async def test_the_download_is_what_was_asked_for(system: System) -> None:
    await store_reading(system.database, datetime.now(UTC), power(1), {"value": 2})
    visitor = await sign_in(system, "viewer")
    _, text = await visitor.page(f"{PATH}?chargePointId=CP1&measurand=Power.Active.Import")
    link = unescape(text).partition('<li>CP1: <a href="')[2].partition('"')[0]
    status, rows = await visitor.page(link)
    assert status == 200
    assert len(rows.splitlines()) == 2 and "Power.Active.Import" in rows


async def test_texts_of_charge_points_stay_texts(system: System) -> None:
    odd = {"measurand": "<b>odd</b>", "value": "<i>x</i>", "unit": "<u>"}
    await store_reading(system.database, datetime.now(UTC), odd)
    visitor = await sign_in(system)
    _, text = await visitor.page(f"{PATH}?chargePointId=CP1&measurand=%3Cb%3Eodd%3C/b%3E")
    assert "&lt;i&gt;x&lt;/i&gt;" in text
    for markup in ("<b>odd", "<i>x", "<u>"):
        assert markup not in text


@pytest.mark.parametrize("query", ["span=never", "chargePointId=CP1&from=soon", "connectorId=x"])
async def test_bad_queries(system: System, query: str) -> None:
    visitor = await sign_in(system)
    assert (await visitor.page(f"{PATH}?{query}"))[0] == 400
