"""Formulas made harmless, and read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.csv_cells import (
    APOSTROPHE,
    TEXT_FORMULA,
    Cell,
    denaturalise,
    guard,
    neutralise,
    read_cell,
)

DANGEROUS = "=+-@\t\r＝＋－＠"


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+66 2 123 4567",
        "-cmd",
        "@SUM(A1)",
        "\t=1",
        "\rx",
        "  =1",
        "＝1+1",
        "'=1",
        "-5.2.1",
        '=HYPERLINK("http://x","y")',
        "'tis",
        "'",
        "''",
    ],
)
def test_what_a_spreadsheet_would_run_is_guarded(cell: str) -> None:
    assert neutralise(cell) == "'" + cell


@pytest.mark.parametrize(
    "cell", ["", "SN-1", "-5.2", "+66", "-1e5", "22", "สถานี", "a=b", "o'=x", "o'clock"]
)
def test_anything_else_stays(cell: str) -> None:
    assert neutralise(cell) == cell
    assert denaturalise(cell) == cell


@given(st.text(st.sampled_from(f"'a1 .{DANGEROUS}"), max_size=6) | st.text(max_size=10))
def test_reading_back_gives_the_same_cell(cell: str) -> None:
    written = neutralise(cell)
    assert denaturalise(written) == cell
    if written and written[0] in DANGEROUS:
        float(written)


def test_a_guard_that_a_person_wrote_is_taken_off() -> None:
    assert denaturalise("'=A1") == "=A1"
    assert denaturalise("'-5.2") == "-5.2"


@pytest.mark.parametrize(
    ("raw", "cell"),
    [
        (" SN-1 ", Cell("SN-1")),
        ("'00123", Cell("00123", is_text=True, note=APOSTROPHE)),
        (' ="00123" ', Cell("00123", is_text=True, note=TEXT_FORMULA)),
        ('= "00123"', Cell("00123", is_text=True, note=TEXT_FORMULA)),
        ('=""00123""', Cell("00123", is_text=True, note=TEXT_FORMULA)),
        ('="a ""b"" c"', Cell('a "b" c', is_text=True, note=TEXT_FORMULA)),
        ('=""', Cell("", is_text=True, note=TEXT_FORMULA)),
        ("'=SUM(A1)", Cell("=SUM(A1)", is_text=True)),
        ("'" + '="00123"', Cell('="00123"', is_text=True)),
        ("''tis", Cell("'tis", is_text=True)),
        ("=A1", Cell("=A1")),
        ("o'clock", Cell("o'clock")),
    ],
)
def test_marks_of_text_are_taken_off(raw: str, cell: Cell) -> None:
    assert read_cell(raw) == cell


def test_an_apostrophe_may_be_kept() -> None:
    assert read_cell("'secret", keep_apostrophe=True) == Cell("'secret")


@given(st.text(st.sampled_from(f"'a1\" .{DANGEROUS}"), max_size=8) | st.text(max_size=10))
def test_a_cell_that_is_written_to_another_file_reads_as_before(raw: str) -> None:
    assert read_cell(guard(raw)).text == read_cell(raw).text


@pytest.mark.parametrize(
    ("raw", "written"),
    [("=1+1", "'=1+1"), ("'=1", "'=1"), ("'00123", "'00123"), ('="1"', '="1"'), (" SN ", "SN")],
)
def test_only_what_a_spreadsheet_would_run_is_guarded_in_another_file(
    raw: str, written: str
) -> None:
    assert guard(raw) == written


@given(st.text(st.sampled_from(f"'a1\" .{DANGEROUS}"), max_size=8) | st.text(max_size=10))
def test_what_is_exported_reads_back_without_its_blanks(text: str) -> None:
    assert read_cell(neutralise(text.strip())).text == text.strip()
