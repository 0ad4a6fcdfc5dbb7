"""CSV as spreadsheets write it, read record by record (RFC 4180, and what departs from it)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import IO

from csms.domain.csv_encoding import Encoding
from csms.errors import FieldError, InvalidInput, MalformedInput

MAX_LINE = 1 << 20
"""Characters in one line; more is no CSV."""

TOO_LONG = "Line {0} is too long for a CSV file."
NOT_CLOSED = "a quoted cell is not closed"
TOO_LARGE = f"a cell has more than {csv.field_size_limit()} characters"
STRAY_QUOTE = "a stray quote"
BROKEN_FILE = (
    "The record on line {0} cannot be read: {1}, up to line {2}. Mend the quotes there; a quote"
    ' inside a quoted cell is written twice ("").'
)
BROKEN_RECORD = 'cannot be read: {0}; a quote inside a quoted cell is written twice ("")'
UNKNOWN_HINT = (
    "The first line says that {0} stands between cells, which is not read. Use comma, semicolon or"
    " tab."
)

_WHY = {"unexpected end of data": NOT_CLOSED, "field larger": TOO_LARGE}
# Excel's hint: sep=; on a line of its own, perhaps quoted, perhaps filled up to the other lines.
_HINT = re.compile(r'"?sep=(\\t|[^"\r\n])"?[,;\t ]*', re.IGNORECASE)


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
                raise MalformedInput(TOO_LONG.format(number))
            yield line.removeprefix("\ufeff") if number == 1 else line
    finally:
        # Without this the wrapper would close the file, which is the caller's.
        if not file.closed:
            text.detach()


def read_hint(line: str) -> Delimiter | None:
    """The delimiter that the first line of a file names as Excel does (`sep=;`), if it does.

    Raises:
        MalformedInput: it names one that is not read.
    """
    hint = _HINT.fullmatch(line.rstrip("\r\n"))
    if hint is None:
        return None
    sign = "\t" if hint[1] == "\\t" else hint[1]
    try:
        return Delimiter(sign)
    except ValueError:
        raise MalformedInput(UNKNOWN_HINT.format(sign)) from None


def read_records(
    lines: Iterable[str], delimiter: Delimiter, lines_before: int = 0
) -> Iterator[CsvRecord]:
    """Read records, blank ones left out; `lines_before` counts the lines that were read already.

    A record that is broken within its own line is handed on with its fault, and the next one is
    read. One that is broken over several lines may have swallowed others, so there the file ends.

    Raises:
        MalformedInput: such a record; the message names its first line.
    """
    reader = csv.reader(lines, delimiter=delimiter.value, strict=True, skipinitialspace=True)
    row = 0
    while True:
        line = lines_before + reader.line_num + 1
        row += 1
        try:
            record = CsvRecord(row, line, [_clean(cell) for cell in next(reader)])
        except StopIteration:
            return
        except csv.Error as error:
            why = next((why for text, why in _WHY.items() if text in str(error)), STRAY_QUOTE)
            last = lines_before + reader.line_num
            if last > line:
                raise MalformedInput(BROKEN_FILE.format(line, why, last)) from None
            record = CsvRecord(row, line, [], BROKEN_RECORD.format(why))
        if not record.blank:
            yield record


def _clean(cell: str) -> str:
    return cell.replace("\r\n", "\n").replace("\r", "\n")
