"""What spreadsheets do to serials, and what only looks like it."""

from __future__ import annotations

import pytest

from csms.domain.spreadsheet_damage import (
    DATE,
    FORMULA,
    ROUNDED,
    control_character,
    damage,
    formula_error,
    invisible_character,
)


@pytest.mark.parametrize("text", ["1.23457E+11", "1,23457E+11", "1E+15", "2.5e+20", "1.2E-05"])
def test_rounded_numbers(text: str) -> None:
    assert damage(text) == ROUNDED.format(text)


@pytest.mark.parametrize(
    "text",
    [
        *("23-May", "1-Feb", "01-Feb", "May-23", "Mar-05", "Sep-24", "5-Dec-23", "23-May-2026"),
        *("23-พ.ค.", "พ.ค.-23", "1-ม.ค.", "1 มกราคม 2569", "23 May 2026"),
        *("5/23/2026", "23/5/2026", "23/05/69", "23/05/2569", "23.05.2026", "23-05-2026"),
        *("2026-05-23", "2026/05/23", "2026-05-23 00:00:00", "2026-05-23T00:00:00"),
        *("23/5/2026 0:00", "5/23/2026 12:00:00 AM", "2026-05-23 00:00:00.000"),
    ],
)
def test_dates(text: str) -> None:
    assert damage(text) == DATE.format(text)


@pytest.mark.parametrize(
    "text",
    [
        *("#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!"),
        *("#####", "#BEZUG!", "#NV", "Err:502"),
    ],
)
def test_errors_of_formulas(text: str) -> None:
    assert damage(text) == formula_error(text)
    assert text in str(formula_error(text))


def test_a_formula() -> None:
    assert damage("=A1") == FORMULA.format("=A1")


@pytest.mark.parametrize(
    "text",
    [
        *("MAR-01", "MAY-23", "23-MAY", "DEC-2023", "SEPT-1", "Mayer-23", "May-1", "1-May-A"),
        *("SN-ABB-22-119034", "12-05-23", "45/2026", "32/13/2026", "2026-13-40", "2026/7"),
        *("12E45", "E+11", "00123", "20260523", "23.5", "SN#1", "#1", "##", "A-2026-05-23"),
        *("10.0.0.1", "2512-01-05", "00:11:22:33:44:55"),
    ],
)
def test_real_serials_are_left_alone(text: str) -> None:
    assert damage(text) is None


def test_characters_that_are_not_seen() -> None:
    assert "U+0007" in str(control_character("SN\x071"))
    assert "U+0085" in str(control_character("SN\x851"))
    assert "U+200B" in str(invisible_character("SN\u200b1"))
    for text in ("SN-1", "กำลัง", "é"):
        assert control_character(text) is None and invisible_character(text) is None
