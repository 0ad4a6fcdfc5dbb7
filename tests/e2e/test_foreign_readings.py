"""Readings under a transaction of another charge point never show as that transaction's."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.times import rfc3339
from tests.support.charge_point import ScriptedChargePoint
from tests.support.pages import sign_in
from tests.support.system import System

pytestmark = pytest.mark.gen_test

POWER = "Power.Active.Import"


def reading(system: System, watts: int) -> dict[str, Any]:
    sample = {"value": str(watts), "measurand": POWER, "unit": "W"}
    now = rfc3339(system.central_system.services.deps.clock())
    return {"timestamp": now, "sampledValue": [sample]}


async def victim(system: System) -> tuple[ScriptedChargePoint, int]:
    """A charge point with a transaction and one reading of it."""
    await system.rest("POST", "/admin/id-tags", {"idTag": "TAG"})
    charge_point = await system.online("CP1")
    start = {
        "connectorId": 1, "idTag": "TAG", "meterStart": 0,
        "timestamp": reading(system, 0)["timestamp"],
    }  # fmt: skip
    transaction_id = (await charge_point.call("StartTransaction", start))["transactionId"]
    own = {"connectorId": 1, "transactionId": transaction_id, "meterValue": [reading(system, 1)]}
    assert await charge_point.call("MeterValues", own) == {}
    return charge_point, transaction_id


async def shown(system: System, transaction_id: int) -> dict[str, Any]:
    """What is shown of the transaction: watts in REST, CSV and the chart, and power now."""
    path = f"/admin/meter-values?transactionId={transaction_id}"
    _, page = await system.rest("GET", path)
    csv = (await system.fetch("GET", f"{path}&format=csv")).body.decode().splitlines()[1:]
    visitor = await sign_in(system, "viewer")
    series = await visitor.fetch("GET", f"/meter-values/series?transactionId={transaction_id}")
    charge_points = {one["chargePointId"] for one in page["items"]}
    energy = await system.central_system.services.overview.energy(
        system.central_system.services.deps.clock()
    )
    return {
        "rest": charge_points,
        "csv": {row.partition(",")[0] for row in csv},
        "chart": series.body.decode().count('"chargePointId"'),
        "power": energy.power,
    }


OWN = {"rest": {"CP1"}, "csv": {"CP1"}, "chart": 1, "power": 1}


@pytest.mark.parametrize("action", ["MeterValues", "StopTransaction"])
async def test_a_claim_is_kept_as_a_claim(system: System, action: str) -> None:
    charge_point, transaction_id = await victim(system)
    impostor = await system.online("CP2")
    sent = reading(system, 999_999)
    payload: dict[str, Any] = {"transactionId": transaction_id}
    if action == "MeterValues":
        payload |= {"connectorId": 1, "meterValue": [sent]}
    else:
        payload |= {"meterStop": 5, "timestamp": sent["timestamp"], "transactionData": [sent]}
    for _ in range(2):
        await impostor.call(action, payload)
    [stored] = await system.database.meter_values.find({"chargePointId": "CP2"}).to_list(None)
    assert stored["transactionId"] != transaction_id
    assert stored["reportedTransactionId"] == transaction_id
    assert await shown(system, transaction_id) == OWN
    _, page = await system.rest("GET", "/admin/meter-values?chargePointId=CP2")
    assert page["items"][0]["reportedTransactionId"] == transaction_id
    csv = await system.fetch("GET", "/admin/meter-values?chargePointId=CP2&format=csv")
    header, row = csv.body.decode().splitlines()
    assert header.endswith(",reportedTransactionId") and row.endswith(f",{transaction_id}")
    # The transaction goes on.
    _, transaction = await system.rest("GET", f"/admin/transactions/{transaction_id}")
    assert transaction["status"] == "Active"
    assert await charge_point.call("Heartbeat", {})


async def test_a_transaction_that_begins_later_does_not_get_them(system: System) -> None:
    """Who guesses the next id has its readings kept apart all the same."""
    _, transaction_id = await victim(system)
    impostor = await system.online("CP2")
    guessed = transaction_id + 1
    claim = {"connectorId": 1, "transactionId": guessed, "meterValue": [reading(system, 7)]}
    await impostor.call("MeterValues", claim)
    second = await system.online("CP3")
    start = {
        "connectorId": 1, "idTag": "OTHER", "meterStart": 0,
        "timestamp": reading(system, 0)["timestamp"],
    }  # fmt: skip
    began = (await second.call("StartTransaction", start))["transactionId"]
    _, page = await system.rest("GET", f"/admin/meter-values?transactionId={began}")
    assert page["items"] == []


async def test_what_version_0_1_0_stored_under_it_is_not_shown(system: System) -> None:
    _, transaction_id = await victim(system)
    readings = system.database.meter_values
    document = await readings.find_one({"chargePointId": "CP1"})
    assert document is not None
    foreign = {**document, "_id": "foreign", "chargePointId": "CP2", "flags": ["clockSkew"]}
    foreign["sampledValue"] = [{**document["sampledValue"][0], "value": 999_999.0}]
    await readings.insert_one(foreign)
    assert await shown(system, transaction_id) == OWN
    path = f"/admin/meter-values?transactionId={transaction_id}&chargePointId=CP2"
    _, page = await system.rest("GET", path)
    assert page["items"] == []
    visitor = await sign_in(system, "viewer")
    _, text = await visitor.page(f"/transactions/{transaction_id}")
    assert "clockSkew" not in text
