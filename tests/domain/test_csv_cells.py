"""Formulas made harmless, and read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.csv_cells import denaturalise, neutralise

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
    ],
)
def test_what_a_spreadsheet_would_run_is_guarded(cell: str) -> None:
    assert neutralise(cell) == "'" + cell


@pytest.mark.parametrize(
    "cell", ["", "SN-1", "-5.2", "+66", "-1e5", "22", "สถานี", "'tis", "a=b", "'", "o'=x"]
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
