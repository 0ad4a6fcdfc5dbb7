"""CSV as spreadsheets write it, read record by record (RFC 4180, and what departs from it)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import IO

from csms.domain.csv_encoding import Encoding
from csms.errors import FieldError, InvalidInput, MalformedInput

MAX_LINE = 1 << 20
"""Characters in one line; more is no CSV."""

_WHY = {
    "unexpected end of data": "a quoted cell is not closed",
    "field larger": f"a cell has more than {csv.field_size_limit()} characters",
}


class Delimiter(Enum):
    """What may stand between cells."""

    COMMA = ","
    SEMICOLON = ";"
    TAB = "\t"

    @property
    def label(self) -> str:
        """Its name in URLs and answers."""
        return self.name.lower()


def parse_delimiter(name: str) -> Delimiter:
    """The delimiter that a person means, by its name or by itself.

    Raises:
        InvalidInput: it is none of the three.
    """
    for delimiter in Delimiter:
        if name.lower() == delimiter.label or name == delimiter.value:
            return delimiter
    names = ", ".join(delimiter.label for delimiter in Delimiter)
    raise InvalidInput(FieldError("delimiter", f"use one of {names}"))


@dataclass(frozen=True, slots=True)
class CsvRecord:
    """One record.

    `row` counts records from 1, blank ones too, as a spreadsheet does; `line` is the line of the
    file that it begins on. `fault` says why the cells of this one cannot be read.
    """

    row: int
    line: int
    cells: list[str]
    fault: str | None = None

    @property
    def blank(self) -> bool:
        """Whether there is nothing in it."""
        return self.fault is None and not any(cell.strip() for cell in self.cells)


def read_lines(file: IO[bytes], encoding: Encoding) -> Iterator[str]:
    """The lines of a file from its start, with their line ends: LF, CRLF or CR.

    Raises:
        MalformedInput: a line is longer than `MAX_LINE`.
    """
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding.codec, newline="")
    try:
        number = 0
        while line := text.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise MalformedInput(f"Line {number} is too long for a CSV file.")
            yield line.removeprefix("\ufeff") if number == 1 else line
    finally:
        # Without this the wrapper would close the file, which is the caller's.
        if not file.closed:
            text.detach()


def read_records(lines: Iterable[str], delimiter: Delimiter) -> Iterator[CsvRecord]:
    """Read records, blank ones left out.

    A record that is broken within its own line is handed on with its fault, and the next one is
    read. One that is broken over several lines may have swallowed others, so there the file ends.

    Raises:
        MalformedInput: such a record; the message names its first line.
    """
    reader = csv.reader(lines, delimiter=delimiter.value, strict=True, skipinitialspace=True)
    row = 0
    while True:
        line = reader.line_num + 1
        row += 1
        try:
            record = CsvRecord(row, line, [_clean(cell) for cell in next(reader)])
        except StopIteration:
            return
        except csv.Error as error:
            why = next((why for text, why in _WHY.items() if text in str(error)), "a stray quote")
            if reader.line_num > line:
                raise MalformedInput(
                    f"The record on line {line} cannot be read: {why}, up to line"
                    f" {reader.line_num}. Mend the quotes there; a quote inside a quoted cell is"
                    ' written twice ("").'
                ) from None
            fault = f'cannot be read: {why}; a quote inside a quoted cell is written twice ("")'
            record = CsvRecord(row, line, [], fault)
        if not record.blank:
            yield record


def _clean(cell: str) -> str:
    return cell.replace("\r\n", "\n").replace("\r", "\n")
