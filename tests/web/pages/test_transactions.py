"""The pages of transactions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.domain.times import rfc3339
from csms.web.pages.flags import FLAGS
from csms.web.pages.local_times import duration
from tests.support.charge_point import ScriptedChargePoint
from tests.support.pages import sign_in
from tests.support.readings import store_reading
from tests.support.system import System

pytestmark = pytest.mark.gen_test


async def start(
    charge_point: ScriptedChargePoint, time: datetime | None = None, **fields: Any
) -> int:
    """Start a transaction on connector 1 unless told otherwise; returns its id."""
    payload = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, **fields}
    sent = {**payload, "timestamp": rfc3339(time or datetime.now(UTC))}
    answer = await charge_point.call("StartTransaction", sent)
    return int(answer["transactionId"])


async def test_the_list_and_its_filters(system: System) -> None:
    now = datetime.now(UTC)
    one = await start(await system.online("CP1"), now - timedelta(days=2), idTag="<b>")
    other = await start(await system.online("CP2"), connectorId=2)
    visitor = await sign_in(system, "viewer")
    visitor.cookies["csms_zone"] = "Asia/Bangkok"

    async def found(query: str) -> list[int]:
        status, text = await visitor.page(f"/transactions?{query}")
        assert status == 200
        assert "<b>" not in text.partition("<table")[2].replace("<tbody>", "")
        return [number for number in (other, one) if f'id="row-{number}"' in text]

    assert await found("") == [other, one]
    assert await found("chargePointId=CP1") == [one]
    assert await found("connectorId=2") == [other]
    assert await found("idTag=tag") == [other]
    assert await found("active=true") == [other, one]
    assert await found("active=false") == []
    # A time without a zone is in the viewer's.
    hence = (now + timedelta(hours=6, minutes=50)).strftime("%Y-%m-%dT%H:%M:%S")
    assert await found(f"from={hence}") == [other]
    assert await found(f"to={hence}") == [one]
    assert await found("chargePointId=") == [other, one]
    assert await found("status=Completed") == []
    assert await found("status=Active") == [other, one]
    assert await found("flag=late&status=Active") == [one]
    assert await found(f"stoppedFrom={hence}") == []
    # What this version does not explain can be asked for all the same.
    await system.database.transactions.update_one({"_id": one}, {"$push": {"flags": "ofTomorrow"}})
    assert await found("flag=ofTomorrow") == [one]
    assert (await visitor.page("/transactions?flag=a+b"))[0] == 400
    assert "<li><strong>ofTomorrow</strong></li>" in (await visitor.page(f"/transactions/{one}"))[1]


async def test_one_that_is_active(system: System) -> None:
    charge_point = await system.online("CP1")
    number = await start(charge_point, connectorId=2)
    register = {"measurand": "Energy.Active.Import.Register", "value": 3500}
    await store_reading(system.database, datetime.now(UTC), register, transaction_id=number)
    viewer = await sign_in(system, "viewer")
    status, text = await viewer.page(f"/transactions/{number}")
    assert status == 200
    assert "2.50 kWh" in text
    assert f"/meter-values/series?transactionId={number}" in text
    assert f"/transactions/{number}/stop" not in text
    assert f"/transactions/{number}/close" not in text
    assert "2.50 kWh" in (await viewer.page("/transactions"))[1]
    for form in ("stop", "close"):
        assert (await viewer.page(f"/transactions/{number}/{form}"))[0] == 403
    operator = await sign_in(system, "operator")
    _, text = await operator.page(f"/transactions/{number}")
    assert f"/transactions/{number}/stop" in text
    _, text = await operator.page(f"/transactions/{number}/stop")
    assert 'action="/admin/charge-points/CP1/remote-stop"' in text
    assert f'name="transactionId" data-type="integer" value="{number}"' in text
    _, text = await operator.page(f"/transactions/{number}/close")
    assert f'action="/admin/transactions/{number}/close"' in text
    assert "data-confirm" in text


async def test_who_is_off_line_cannot_be_asked_to_stop(system: System) -> None:
    charge_point = await system.online("CP1")
    number = await start(charge_point)
    record = {"$set": {"ocppSessionId": None}}
    await system.database.charge_points.update_one({"_id": "CP1"}, record)
    visitor = await sign_in(system)
    _, text = await visitor.page(f"/transactions/{number}")
    assert f"/transactions/{number}/stop" not in text
    assert f"/transactions/{number}/close" in text


async def test_what_was_flagged_is_said_in_words(system: System) -> None:
    charge_point = await system.online("CP1")
    number = await start(charge_point, datetime(2019, 1, 1, tzinfo=UTC), reservationId=9)
    odd = {"measurand": "Bananas", "value": "many"}
    await store_reading(system.database, datetime.now(UTC), odd, transaction_id=number)
    visitor = await sign_in(system)
    _, text = await visitor.page(f"/transactions/{number}")
    for flag in ("clockSkew", "unknownReservation", "unknownMeasurand", "unreadableValue"):
        assert flag in text
        assert FLAGS[flag].replace("'", "&#x27;").replace('"', "&quot;") in text.replace(
            "&#39;", "&#x27;"
        )
    assert "The id tag is not known." in text
    assert "abandoned" not in text


async def test_where_it_came_from(system: System) -> None:
    await system.rest("POST", "/admin/id-tags", {"idTag": "TAG", "parentIdTag": "Family"})
    charge_point = await system.online("CP1")
    number = await start(charge_point)
    await system.database.commands.insert_one(
        {"_id": "c", "requestedBy": "anna", "requestedAt": datetime(2026, 5, 1, 12, tzinfo=UTC)}
    )
    await system.database.transactions.update_one({"_id": number}, {"$set": {"commandId": "c"}})
    visitor = await sign_in(system)
    visitor.cookies["csms_zone"] = "Asia/Bangkok"
    _, text = await visitor.page(f"/transactions/{number}")
    assert "remote start by anna" in text
    assert "2026-05-01</span> <span>19:00:00" in text
    assert "Family" in text


async def test_one_that_has_ended(system: System) -> None:
    charge_point = await system.online("CP1")
    began = datetime.now(UTC) - timedelta(minutes=4)
    number = await start(charge_point, began)
    stop = {"transactionId": number, "meterStop": 2234, "timestamp": rfc3339(began + 3 * MINUTE)}
    await charge_point.call("StopTransaction", {**stop, "reason": "EVDisconnected"})
    visitor = await sign_in(system)
    _, text = await visitor.page(f"/transactions/{number}")
    for shown in ("1.23 kWh", "0:03:00", "EVDisconnected", "Completed"):
        assert shown in text
    assert f"/transactions/{number}/close" not in text


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("number", ["0", "x", "99999999999", "-1"])
async def test_there_is_no_such_transaction(system: System, number: str) -> None:
    visitor = await sign_in(system)
    assert (await visitor.page(f"/transactions/{number}"))[0] == 404


async def test_durations() -> None:
    assert duration(timedelta(days=1, hours=1, seconds=5)) == "25:00:05"
    assert duration(timedelta(seconds=-5)) == "0:00:00"
