"""Values of cells."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.fleet_cells import clean, read_cell


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("powerRating", "22", 22.0),
        ("powerRating", "22.0", 22.0),
        ("powerRating", "7.4 kW", 7.4),
        ("powerRating", "22KW", 22.0),
        ("powerRating", "๒๒", 22.0),
        ("connectorCount", "2", 2),
        ("connectorCount", "2.0", 2),
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
    read = read_cell(field, text, comma_is_decimal=False)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("field", "text", "remedy"),
    [
        ("powerRating", "22,0", "22 or 7.4"),
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
        read_cell(field, text, comma_is_decimal=False)


def test_a_decimal_comma_where_commas_do_not_part_cells() -> None:
    assert read_cell("powerRating", "22,0 kW", comma_is_decimal=True) == 22.0
    assert read_cell("connectorCount", "2,0", comma_is_decimal=True) == 2
    with pytest.raises(ValueError, match="thousands"):
        read_cell("powerRating", "1,000", comma_is_decimal=True)


def test_clean() -> None:
    assert clean("  '=SN-1 ") == "=SN-1"
    assert clean("'SN") == "'SN"
