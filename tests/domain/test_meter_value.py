"""Meter values: the documents, their flags, and an id that comes from the content."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import bson
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.meter_value import (
    REPAIR_FLAGS,
    MeterSource,
    energy_register,
    read_meter_value,
    sent_as,
)
from csms.domain.times import DeviceTime, read_device_time

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SOURCE = MeterSource("cp", "CP1", 1, 7, None, sent_as(1, 7))
STAMP = "2026-11-23T12:00:00Z"
AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


def read(
    meter_value: dict[str, Any], source: MeterSource = SOURCE, received_at: datetime = NOW
) -> dict[str, Any]:
    time = read_device_time(meter_value.get("timestamp"), received_at)
    return bson.decode(read_meter_value(source, meter_value, time, received_at).document, AWARE)


def document(*samples: dict[str, Any], timestamp: str = STAMP) -> dict[str, Any]:
    return read({"timestamp": timestamp, "sampledValue": list(samples)})


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


def test_an_unreadable_time_is_replaced_flagged_and_kept() -> None:
    stored = document({"value": "1"}, timestamp="yesterday")
    assert stored["timestamp"] == NOW
    assert stored["flags"] == ["unreadableTimestamp"]
    assert stored["rawTimestamp"] == "yesterday"


def test_the_id_comes_from_the_content_alone() -> None:
    value = {"timestamp": STAMP, "sampledValue": [{"value": "1", "unit": "Wh"}]}
    swapped = {"sampledValue": [{"unit": "Wh", "value": "1"}], "timestamp": STAMP}
    first = read(value)["_id"]
    assert read(swapped, received_at=NOW.replace(hour=13))["_id"] == first
    others = [
        SOURCE._replace(charge_point_id="other"),
        SOURCE._replace(sent_as=sent_as(2, 7)),
        SOURCE._replace(sent_as=sent_as(1, None)),
    ]
    assert first not in {read(value, other)["_id"] for other in others}
    assert document({"value": "2"})["_id"] != document({"value": "1"})["_id"]


def test_ids_follow_the_charge_points_time() -> None:
    stamps = [f"{year}-06-01T00:00:00Z" for year in (1969, 1970, 2026, 2027, 2099)]
    values = [{"timestamp": stamp, "sampledValue": [{"value": "1"}]} for stamp in stamps]
    ids = [read(value)["_id"] for value in values]
    assert ids[1:] == sorted(ids[1:]) and {len(id) for id in ids} == {32}


def test_the_id_of_an_unreadable_time_does_not_come_from_the_time_of_receipt() -> None:
    value = {"timestamp": "soon", "sampledValue": [{"value": "1"}]}
    ids = {read(value, received_at=NOW.replace(hour=hour))["_id"] for hour in (1, 2)}
    assert len(ids) == 1


def test_what_is_known_of_its_transaction_is_not_in_the_id() -> None:
    value = {"timestamp": STAMP, "sampledValue": [{"value": "1"}]}
    first = read(value)
    for source in (
        SOURCE._replace(transaction_id=None, reported_id=7),
        SOURCE._replace(transaction_id=8, connector_id=3),
    ):
        assert read(value, source)["_id"] == first["_id"]
    assert {sent_as(1, none) for none in (None, 0, -1, -0.5)} == {"1\x00None"}
    assert "reportedTransactionId" not in first
    claimed = read(value, SOURCE._replace(transaction_id=None, reported_id=2**63 - 1))
    assert (claimed["transactionId"], claimed["reportedTransactionId"]) == (None, 2**63 - 1)


def test_flags_of_a_repair_are_added() -> None:
    value = {"timestamp": STAMP, "sampledValue": [{"value": "x"}], REPAIR_FLAGS: ["droppedSample"]}
    assert read(value)["flags"] == ["unreadableValue", "droppedSample"]


def test_a_register_that_goes_backwards_is_flagged() -> None:
    value = {"timestamp": STAMP, "sampledValue": [{"value": "5"}]}
    flags = [
        bson.decode(
            read_meter_value(SOURCE, value, DeviceTime(NOW), NOW, ("given",), last).document
        )["flags"]
        for last in (None, 5.0, 5.5)
    ]
    assert flags == [["given"], ["given"], ["given", "registerWentBackwards"]]


def test_the_register_of_a_document_is_that_of_the_reading() -> None:
    samples = [{"value": "3", "phase": "L1"}, {"value": "x"}, {"value": "9", "unit": "kWh"}]
    value = {"timestamp": STAMP, "sampledValue": samples}
    reading = read_meter_value(SOURCE, value, DeviceTime(NOW), NOW)
    assert reading.register == energy_register(bson.decode(reading.document)) == 9000.0


@given(st.text(), st.text(), st.text(), st.text())
def test_whatever_is_sent_is_stored(value: str, unit: str, measurand: str, stamp: str) -> None:
    sample = {"value": value, "unit": unit, "measurand": measurand}
    stored = document(sample, {"value": "1"}, timestamp=stamp)
    assert [one["raw"] for one in stored["sampledValue"]] == [value, "1"]
    assert stored["connectorId"] == 1
