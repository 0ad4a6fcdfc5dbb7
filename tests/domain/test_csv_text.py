"""Records: quotes, line ends, blank ones, broken ones."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.csv_encoding import Encoding, check_text
from csms.domain.csv_text import (
    CsvRecord,
    Delimiter,
    parse_delimiter,
    read_lines,
    read_records,
)
from csms.errors import InvalidInput, MalformedInput


def read(
    text: str, delimiter: Delimiter = Delimiter.COMMA, encoding: Encoding = Encoding.UTF_8
) -> list[CsvRecord]:
    file = io.BytesIO(text.encode(encoding))
    records = list(read_records(read_lines(file, encoding), delimiter))
    assert not file.closed
    return records


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_and_quoted_newlines(newline: str) -> None:
    text = newline.join(["\ufeffa,b", '1,"x', 'y ""z"""', "", " , ", "2,3"])
    assert read(text) == [
        CsvRecord(1, 1, ["a", "b"]),
        CsvRecord(2, 2, ["1", 'x\ny "z"']),
        CsvRecord(5, 6, ["2", "3"]),
    ]


def test_only_line_ends_end_a_line() -> None:
    assert [r.cells for r in read("a\x0bb\u2028c\x85d,2\n3,4\n")] == [
        ["a\x0bb\u2028c\x85d", "2"],
        ["3", "4"],
    ]


@pytest.mark.parametrize("delimiter", list(Delimiter))
def test_delimiters(delimiter: Delimiter) -> None:
    line = delimiter.value.join(["a", '"b,;\tc"', "d"])
    assert read(line, delimiter)[0].cells == ["a", "b,;\tc", "d"]


def test_a_blank_before_a_quote_is_forgiven() -> None:
    assert read('1, "x, y"')[0].cells == ["1", "x, y"]


@pytest.mark.parametrize(
    ("broken", "why"),
    [('"x"y,2', "stray quote"), ("x" * 200_000, "131072 characters")],
)
def test_a_record_broken_within_its_line_costs_only_itself(broken: str, why: str) -> None:
    before, fault, after = read(f"a,b\n{broken}\n3,4\n")
    assert (before.row, fault.row, after.row) == (1, 2, 3)
    assert fault.fault is not None and why in fault.fault
    assert after.cells == ["3", "4"]


def test_an_open_quote_on_the_last_line_costs_only_that_line() -> None:
    good, fault = read('a,b\n"abc\n')
    assert good.cells == ["a", "b"]
    assert fault.fault is not None and "not closed" in fault.fault


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n"abc\n1,2\n',
        'a,b\n"abc\n1,2\n"d",3\n',
        'a,b\n"abc\n' + "1,2\n" * 50_000,
    ],
)
def test_a_quote_that_swallows_lines_refuses_the_file_and_names_the_line(text: str) -> None:
    with pytest.raises(MalformedInput, match="record on line 2 cannot be read"):
        read(text)


def test_an_endless_line_is_refused() -> None:
    with pytest.raises(MalformedInput, match="Line 2 is too long"):
        read("a\n" + "x" * 2_000_000)


def test_parse_delimiter() -> None:
    assert parse_delimiter("Semicolon") is Delimiter.SEMICOLON
    assert parse_delimiter("\t") is Delimiter.TAB
    with pytest.raises(InvalidInput, match="comma, semicolon, tab"):
        parse_delimiter("|")


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=8)


@given(st.lists(st.lists(CELL, min_size=2, max_size=3), max_size=5), st.sampled_from(Delimiter))
def test_what_a_csv_writer_writes_is_read_back(rows: list[list[str]], delimiter: Delimiter) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter.value, quoting=csv.QUOTE_ALL).writerows(rows)
    wanted = [
        [cell.replace("\r\n", "\n").replace("\r", "\n") for cell in row]
        for row in rows
        if any(cell.strip() for cell in row)
    ]
    assert [record.cells for record in read(out.getvalue(), delimiter)] == wanted


@given(st.binary(max_size=200), st.sampled_from(Encoding))
def test_any_bytes_are_read_or_refused(data: bytes, encoding: Encoding) -> None:
    file = io.BytesIO(data)
    try:
        check_text(file, encoding)
        list(read_records(read_lines(file, encoding), Delimiter.COMMA))
    except MalformedInput as refusal:
        assert str(refusal)


def test_a_reader_that_is_given_up_minds_no_closed_file() -> None:
    file = io.BytesIO(b"a\nb\n")
    lines = read_lines(file, Encoding.UTF_8)
    assert next(lines) == "a\n"
    file.close()
    lines.close()  # type: ignore[attr-defined]
