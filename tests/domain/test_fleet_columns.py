"""Column names."""

from __future__ import annotations

import csv

import pytest

from csms.domain.fleet_columns import EXPORTED, SECRET, check_header, read_header
from csms.errors import InvalidInput
from csms.web.pages.base import WEB


@pytest.mark.parametrize(
    ("name", "field"),
    [
        *((field, field) for field in (*EXPORTED, SECRET)),
        ("SERIALNUMBER", "serialNumber"),
        (" serial_number ", "serialNumber"),
        ("Serial-No.", "serialNumber"),
        ("S/N", "serialNumber"),
        ("Charge Point Serial Number", "serialNumber"),
        ("identity", "chargePointIdentity"),
        ("Charge Point ID", "chargePointIdentity"),
        ("CP ID", "chargePointIdentity"),
        ("ocpp_id", "chargePointIdentity"),
        ("chargeBoxId", "chargePointIdentity"),
        ("Station", "stationName"),
        ("site", "stationName"),
        ("Address", "location"),
        ("place", "location"),
        ("Make", "brand"),
        ("manufacturer", "brand"),
        ("model", "brand"),
        ("Power (kW)", "powerRating"),
        ("kW", "powerRating"),
        ("rated power", "powerRating"),
        ("connectors", "connectorCount"),
        ("Number of connectors", "connectorCount"),
        ("plugs", "connectorCount"),
        ("Whitelisted?", "isWhitelisted"),
        ("allowed", "isWhitelisted"),
        ("enabled", "isWhitelisted"),
        ("Auth Key", SECRET),
        ("password", SECRET),
        ("ชื่อ", "name"),
        ("สถานี", "stationName"),
        ("ที่ตั้ง", "location"),
        ("หมายเลขเครื่อง", "serialNumber"),
        ("ยี่ห้อ", "brand"),
        ("กำลังไฟ (kW)", "powerRating"),
        ("ก\u0e4d\u0e32ลังไฟ", "powerRating"),
        ("จำนวนหัวชาร์จ", "connectorCount"),
        ("ＩＤ", "id"),
        ("รหัส", "id"),
        ("ไอดี", "id"),
        ("รหัสสถานีชาร์จ", "id"),
        ("รหัสเครื่อง", "chargePointIdentity"),
        ("รหัสประจำเครื่อง", "chargePointIdentity"),
        ("หมายเลขประจำเครื่อง", "serialNumber"),
        ("อนุญาตให้เชื่อมต่อ", "isWhitelisted"),
        ("รหัสผ่าน", SECRET),
    ],
)
def test_names_and_synonyms(name: str, field: str) -> None:
    assert read_header([name]).fields == (field,)


@pytest.mark.parametrize("language", ["en", "th"])
def test_what_the_form_of_a_charge_point_calls_a_field_names_its_column(language: str) -> None:
    labels = {
        "id": "Id",
        "name": "Name",
        "stationName": "Station",
        "location": "Location",
        "brand": "Brand and model",
        "powerRating": "Rated power, kW",
        "serialNumber": "Serial number",
        "chargePointIdentity": "Identity",
        "isWhitelisted": "Whitelisted",
        "connectorCount": "Number of connectors",
        "securityProfile": "Least security profile",
        SECRET: "Authorization key",
    }
    with (WEB / "locale" / "th.csv").open(encoding="utf-8", newline="") as file:
        thai = dict(csv.reader(file))
    names = [thai[label] if language == "th" else label for label in labels.values()]
    assert read_header(names).fields == tuple(labels)


def test_unknown_columns_are_named_and_empty_ones_at_the_end_dropped() -> None:
    header = read_header(["id", "Colour", "", "ชื่อเล่น", "name", "", " "])
    assert header.fields == ("id", None, None, None, "name")
    assert header.unknown == ["Colour", "(column 3)", "ชื่อเล่น"]


def test_thai_vowels_tell_names_apart() -> None:
    assert read_header(["ชอ"]).fields == (None,)


def test_two_columns_for_one_field_are_refused_with_both_names() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_header(read_header(["Serial", "name", "S/N"]))
    [error] = caught.value.errors
    assert error.field == "serialNumber"
    assert '"Serial"' in error.message and '"S/N"' in error.message


@pytest.mark.parametrize("names", [["name", "location"], ["CP_1", "สถานี 1", "SN-1"], ["x"]])
def test_a_header_that_identifies_nothing_is_refused(names: list[str]) -> None:
    with pytest.raises(InvalidInput, match="first row must name the columns") as caught:
        check_header(read_header(names))
    assert names[0] in str(caught.value)


@pytest.mark.parametrize("name", ["id", "serial", "identity"])
def test_one_key_column_is_enough(name: str) -> None:
    check_header(read_header([name, "colour", "size"]))
