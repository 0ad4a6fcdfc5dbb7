"""Values of cells."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.csv_cells import Cell
from csms.domain.fleet_cells import READERS, note_on_serial


def read(field: str, text: str) -> Any:
    reader = READERS.get(field)
    return text if reader is None else reader(Cell(text))


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("powerRating", "22", 22.0),
        ("powerRating", "22.0", 22.0),
        ("powerRating", "7.4 kW", 7.4),
        ("powerRating", "22,0", 22.0),
        ("powerRating", "22,5 kW", 22.5),
        ("powerRating", "22KW", 22.0),
        ("powerRating", "๒๒", 22.0),
        ("connectorCount", "2", 2),
        ("connectorCount", "2.0", 2),
        ("connectorCount", "2,0", 2),
        ("isWhitelisted", "TRUE", True),
        ("isWhitelisted", "Yes", True),
        ("isWhitelisted", "1", True),
        ("isWhitelisted", "ใช่", True),
        ("isWhitelisted", "false", False),
        ("isWhitelisted", "no", False),
        ("isWhitelisted", "0", False),
        ("isWhitelisted", "ไม่", False),
        ("protocol", "OCPP16", "OCPP16"),
        ("protocol", "ocpp 1.6-J", "OCPP16"),
        ("serialNumber", "12E45", "12E45"),
        ("serialNumber", "00123", "00123"),
        ("name", "1.2E+11", "1.2E+11"),
        ("location", "บางนา \n\n กรุงเทพ\tไทย", "บางนา กรุงเทพ ไทย"),
    ],
)
def test_values(field: str, text: str, value: Any) -> None:
    found = read(field, text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("field", "text", "remedy"),
    [
        ("powerRating", "1,000", "22 or 7.4"),
        ("powerRating", "1.000,5", "22 or 7.4"),
        ("powerRating", "7-Apr", "date"),
        ("powerRating", "22000 W", "kW"),
        ("powerRating", "nan", "a number"),
        ("powerRating", "1_0", "a number"),
        ("connectorCount", "2.5", "whole number"),
        ("connectorCount", "two", "whole number"),
        ("isWhitelisted", "maybe", "true or false"),
        ("protocol", "OCPP201", "OCPP16"),
        ("serialNumber", "1.23457E+11", "text column"),
        ("serialNumber", "1,23457E+11", "text column"),
        ("chargePointIdentity", "1E+15", "text column"),
        ("id", "2.5e+20", "text column"),
    ],
)
def test_what_is_no_value_says_what_to_write(field: str, text: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        read(field, text)


def test_a_serial_longer_than_a_charge_point_may_report_is_noted() -> None:
    assert note_on_serial("S" * 25) is None
    note = note_on_serial("S" * 26)
    assert note is not None and "26 characters" in note and "25" in note


def test_a_cell_full_of_blanks_takes_no_time() -> None:
    # Half a minute, if every blank is looked at from every other.
    blanks = " " * 100_000
    with pytest.raises(ValueError, match="a number"):
        read("powerRating", f"5{blanks}x")
    assert read("location", f"a{blanks}b \n\t c") == f"a{blanks}b c"
    assert read("powerRating", "7.5 kW") == 7.5
