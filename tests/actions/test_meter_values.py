"""MeterValues: every reading kept once, in units that can be added up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from csms.domain.times import rfc3339
from tests.actions.support import documents
from tests.support.system import System

pytestmark = pytest.mark.gen_test


def reading(*samples: dict[str, Any], **fields: Any) -> dict[str, Any]:
    stamp = rfc3339(datetime.now(UTC))
    value = {"timestamp": stamp, "sampledValue": list(samples)}
    return {"connectorId": 1, "meterValue": [value], **fields}


@pytest.mark.parametrize(
    ("sample", "value", "unit"),
    [
        ({"value": "1.234567", "unit": "kWh"}, 1234.567, "Wh"),
        ({"value": "0.1", "unit": "kWh"}, 100.0, "Wh"),
        ({"value": "7", "unit": "Wh"}, 7.0, "Wh"),
        ({"value": "7"}, 7.0, "Wh"),
        ({"value": "7.4", "measurand": "Power.Active.Import", "unit": "kW"}, 7400.0, "W"),
        ({"value": "16", "measurand": "Current.Import"}, 16.0, "A"),
        ({"value": "50", "measurand": "Frequency"}, 50.0, "Hz"),
        ({"value": "80", "measurand": "SoC"}, 80.0, "Percent"),
        ({"value": "21", "measurand": "Temperature", "unit": "Celcius"}, 21.0, "Celsius"),
        ({"value": "294.15", "measurand": "Temperature", "unit": "K"}, 21.0, "Celsius"),
        ({"value": "32", "measurand": "Temperature", "unit": "Fahrenheit"}, 0.0, "Celsius"),
    ],
)
async def test_units(system: System, sample: dict[str, Any], value: float, unit: str) -> None:
    charge_point = await system.online()
    await charge_point.call("MeterValues", reading(sample))
    [document] = await documents(system, "meter_values")
    [stored] = document["sampledValue"]
    assert (stored["value"], stored["unit"], stored["raw"]) == (value, unit, sample["value"])


async def test_defaults_are_filled_in_and_phases_kept_apart(system: System) -> None:
    charge_point = await system.online()
    power = {"measurand": "Power.Active.Import", "unit": "W"}
    await charge_point.call(
        "MeterValues",
        reading({"value": "1"}, power | {"value": "2", "phase": "L1"}, power | {"value": "2"}),
    )
    [document] = await documents(system, "meter_values")
    assert document["sampledValue"][0] == {
        "measurand": "Energy.Active.Import.Register",
        "value": 1.0,
        "raw": "1",
        "unit": "Wh",
        "phase": None,
        "context": "Sample.Periodic",
        "location": "Outlet",
        "format": "Raw",
    }
    assert [sample["phase"] for sample in document["sampledValue"]] == [None, "L1", None]


async def test_signed_data_is_opaque(system: System) -> None:
    charge_point = await system.online()
    signed = "OCMF|" + "x" * 4000
    await charge_point.call("MeterValues", reading({"value": signed, "format": "SignedData"}))
    [document] = await documents(system, "meter_values")
    [sample] = document["sampledValue"]
    assert (sample["value"], sample["raw"]) == (None, signed)
    assert document["flags"] == []


async def test_one_odd_sample_costs_nothing(system: System) -> None:
    charge_point = await system.online()
    await charge_point.call(
        "MeterValues",
        reading(
            {"value": "12"},
            {"value": "abc"},
            {"value": "1", "measurand": "Mood"},
            {"value": "3", "unit": "Furlong"},
        ),
    )
    [document] = await documents(system, "meter_values")
    assert [sample["value"] for sample in document["sampledValue"]] == [12.0, None, 1.0, 3.0]
    assert document["flags"] == ["unknownMeasurand", "unknownUnit", "unreadableValue"]


async def test_every_element_is_a_document_with_its_own_time(system: System) -> None:
    charge_point = await system.online()
    values = [
        {"timestamp": f"2026-01-01T00:0{minute}:00Z", "sampledValue": [{"value": str(minute)}]}
        for minute in range(5)
    ]
    await charge_point.call("MeterValues", {"connectorId": 1, "meterValue": values})
    stored = await documents(system, "meter_values")
    assert [document["timestamp"].minute for document in stored] == [0, 1, 2, 3, 4]
    assert all("late" in document["flags"] for document in stored)


@pytest.mark.parametrize("stamp", ["yesterday", "", "99999-01-01T00:00:00Z", "1970-01-01T00:00"])
async def test_a_time_that_makes_no_sense_is_replaced_or_flagged(
    system: System, stamp: str
) -> None:
    charge_point = await system.online()
    payload = reading({"value": "1"})
    payload["meterValue"][0]["timestamp"] = stamp
    await charge_point.call("MeterValues", payload)
    [document] = await documents(system, "meter_values")
    assert set(document["flags"]) <= {"unreadableTimestamp", "clockSkew"} and document["flags"]
    if "unreadableTimestamp" in document["flags"]:
        assert document["timestamp"] == document["receivedAt"]
        assert document["rawTimestamp"] == stamp


async def test_retries_at_the_same_instant_store_one_document(system: System) -> None:
    charge_point = await system.online()
    payload = reading({"value": "5"})
    frames = await asyncio.gather(*(charge_point.ask("MeterValues", payload) for _ in range(20)))
    assert all(frame[0] == 3 for frame in frames)
    assert len(await documents(system, "meter_values")) == 1


async def test_an_empty_list_is_answered(system: System) -> None:
    charge_point = await system.online()
    assert await charge_point.call("MeterValues", {"connectorId": 1, "meterValue": []}) == {}
    assert await documents(system, "meter_values") == []
