"""Meter values: defaults, units, flags, and an id that comes from the content."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.meter_value import MeterSource, energy_register, meter_document

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SOURCE = MeterSource("cp", "CP1", 1, 7)
STAMP = "2026-11-23T12:00:00Z"


def document(*samples: dict[str, Any], timestamp: str = STAMP) -> dict[str, Any]:
    return meter_document(SOURCE, {"timestamp": timestamp, "sampledValue": list(samples)}, NOW)


def test_the_standards_defaults_are_filled_in() -> None:
    assert document({"value": "1500"}) | {"_id": ""} == {
        "_id": "",
        "chargePointId": "cp",
        "chargePointIdentity": "CP1",
        "connectorId": 1,
        "transactionId": 7,
        "timestamp": NOW,
        "receivedAt": NOW,
        "sampledValue": [
            {
                "measurand": "Energy.Active.Import.Register",
                "value": 1500.0,
                "raw": "1500",
                "unit": "Wh",
                "phase": None,
                "context": "Sample.Periodic",
                "location": "Outlet",
                "format": "Raw",
            }
        ],
        "flags": [],
    }


@pytest.mark.parametrize(
    ("sample", "value", "unit"),
    [
        ({"value": "0.0012", "unit": "kWh"}, 1.2, "Wh"),
        ({"value": "1.1", "unit": "kWh"}, 1100.0, "Wh"),
        ({"value": "11", "unit": "kW", "measurand": "Power.Active.Import"}, 11000.0, "W"),
        ({"value": "7360", "measurand": "Power.Active.Import"}, 7360.0, "W"),
        ({"value": "2", "unit": "kvar", "measurand": "Power.Reactive.Import"}, 2000.0, "var"),
        ({"value": "2", "unit": "kvarh", "measurand": "Energy.Reactive.Import.Register"},
         2000.0, "varh"),
        ({"value": "2", "unit": "kVA", "measurand": "Power.Offered"}, 2000.0, "VA"),
        ({"value": "16", "measurand": "Current.Import"}, 16.0, "A"),
        ({"value": "230.4", "measurand": "Voltage", "phase": "L1-N"}, 230.4, "V"),
        ({"value": "55", "measurand": "SoC"}, 55.0, "Percent"),
        ({"value": "25", "unit": "Celcius", "measurand": "Temperature"}, 25.0, "Celsius"),
        ({"value": "298.15", "unit": "K", "measurand": "Temperature"}, 25.0, "Celsius"),
        ({"value": "77", "unit": "Fahrenheit", "measurand": "Temperature"}, 25.0, "Celsius"),
        ({"value": "49.98", "measurand": "Frequency"}, 49.98, "Hz"),
        ({"value": "0.98", "measurand": "Power.Factor"}, 0.98, None),
    ],
)  # fmt: skip
def test_units_are_brought_to_one_kind(
    sample: dict[str, Any], value: float, unit: str | None
) -> None:
    stored = document(sample)
    [found] = stored["sampledValue"]
    assert (found["value"], found["unit"], found["raw"]) == (value, unit, sample["value"])
    assert stored["flags"] == []


@pytest.mark.parametrize(
    ("sample", "flag"),
    [
        ({"value": "n/a"}, "unreadableValue"),
        ({"value": "NaN"}, "unreadableValue"),
        ({"value": "1e999999999"}, "unreadableValue"),
        ({"value": "1", "unit": "MWh"}, "unknownUnit"),
        ({"value": "1", "measurand": "Mood"}, "unknownMeasurand"),
    ],
)
def test_an_odd_sample_is_kept_and_flagged(sample: dict[str, Any], flag: str) -> None:
    stored = document(sample, {"value": "5"})
    assert stored["flags"] == [flag]
    assert stored["sampledValue"][0]["raw"] == sample["value"]
    assert stored["sampledValue"][1]["value"] == 5.0


def test_signed_data_is_opaque() -> None:
    stored = document({"value": "OCMF|{...}", "format": "SignedData"})
    assert stored["flags"] == []
    assert stored["sampledValue"][0]["value"] is None
    assert stored["sampledValue"][0]["raw"] == "OCMF|{...}"


def test_an_unreadable_time_is_replaced_flagged_and_kept() -> None:
    stored = document({"value": "1"}, timestamp="yesterday")
    assert stored["timestamp"] == NOW
    assert stored["flags"] == ["unreadableTimestamp"]
    assert stored["rawTimestamp"] == "yesterday"


def test_the_id_comes_from_the_content_alone() -> None:
    value = {"timestamp": STAMP, "sampledValue": [{"value": "1", "unit": "Wh"}]}
    swapped = {"sampledValue": [{"unit": "Wh", "value": "1"}], "timestamp": STAMP}
    first = meter_document(SOURCE, value, NOW)["_id"]
    assert meter_document(SOURCE, swapped, NOW.replace(hour=13))["_id"] == first
    others = [
        SOURCE._replace(charge_point_id="other"),
        SOURCE._replace(connector_id=2),
        SOURCE._replace(transaction_id=None),
    ]
    assert first not in {meter_document(other, value, NOW)["_id"] for other in others}
    assert document({"value": "2"})["_id"] != document({"value": "1"})["_id"]


def test_ids_follow_the_charge_points_time() -> None:
    stamps = [f"{year}-06-01T00:00:00Z" for year in (1969, 1970, 2026, 2027, 2099)]
    values = [{"timestamp": stamp, "sampledValue": [{"value": "1"}]} for stamp in stamps]
    ids = [meter_document(SOURCE, value, NOW)["_id"] for value in values]
    assert ids[1:] == sorted(ids[1:]) and {len(id) for id in ids} == {32}


def test_the_id_of_an_unreadable_time_does_not_come_from_the_time_of_receipt() -> None:
    value = {"timestamp": "soon", "sampledValue": [{"value": "1"}]}
    ids = {meter_document(SOURCE, value, NOW.replace(hour=hour))["_id"] for hour in (1, 2)}
    assert len(ids) == 1


def test_the_register_is_the_total_not_a_phase() -> None:
    assert energy_register(document({"value": "3", "phase": "L1"}, {"value": "9"})) == 9.0
    assert energy_register(document({"value": "3", "measurand": "Voltage"})) is None


@given(st.text(), st.text(), st.text(), st.text())
def test_whatever_is_sent_fits_bson(value: str, unit: str, measurand: str, stamp: str) -> None:
    sample = {"value": value, "unit": unit, "measurand": measurand}
    bson.encode(document(sample, timestamp=stamp))
