"""A CSV file whose first row names its columns: what it is, and its records one by one.

A file is read twice, from the disk, so that its length costs no memory: first to find out what it
is, and to refuse what cannot be read before anything is done with a row; then row by row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import IO

from csms.domain.csv_encoding import Encoding, check_text, detect_encoding
from csms.domain.csv_text import CsvRecord, Delimiter, read_hint, read_lines, read_records
from csms.errors import FieldError, InvalidInput, MalformedInput

TWO_COLUMNS = 'the columns "{0}" and "{1}" are both for it; rename one'
NO_KEY = "there is no column {0}. The first row must name the columns; it says: {1}"
EMPTY = "The file is empty. The first row must name the columns."
BROKEN_HEADER = "The header on line {0} {1}."
TOO_MANY_CELLS = (
    "the row has {0} cells, the header {1}; a cell with a {2} in it must stand in quotes"
)


@dataclass(frozen=True, slots=True)
class Header:
    """What the columns of a file are: `fields` by position, None for one that is not known."""

    names: tuple[str, ...]
    fields: tuple[str | None, ...]

    @property
    def unknown(self) -> list[str]:
        """The names of the columns that are ignored."""
        pairs = zip(self.names, self.fields, strict=True)
        return [name for name, field in pairs if field is None]

    @property
    def known_count(self) -> int:
        """How many columns are known."""
        return sum(field is not None for field in self.fields)


@dataclass(frozen=True, slots=True)
class CsvFile:
    """What a file was found to be. `row_count` counts the rows below the header."""

    encoding: Encoding
    delimiter: Delimiter
    header: Header
    row_count: int


_LONGEST_NAME = 200


def fields_by_name(synonyms: Mapping[str, str]) -> dict[str, str]:
    """The fields by every name of theirs; `synonyms` are parted by commas."""
    return {
        _fold(name): field
        for field, names in synonyms.items()
        for name in (field, *names.split(","))
    }


def _fold(name: str) -> str:
    """A name without case, spacing and punctuation; Thai vowels and marks stay."""
    # A longer one is no name of ours, and the normal form of a very long one takes very long.
    text = unicodedata.normalize("NFKC", name[:_LONGEST_NAME]).casefold()
    return re.sub(r"[\W_]", _keep_marks, text)


def _keep_marks(match: re.Match[str]) -> str:
    return match[0] if unicodedata.category(match[0]).startswith("M") else ""


def read_header(cells: Sequence[str], fields: Mapping[str, str]) -> Header:
    """Tell the columns by their names, whatever they are; `fields` are by folded name."""
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    labels = tuple(name or f"(column {n})" for n, name in enumerate(names, 1))
    return Header(labels, tuple(fields.get(_fold(name)) for name in names))


def check_header(header: Header, keys: Sequence[str]) -> None:
    """See that rows under this header can be told apart, by one of `keys` at least.

    Raises:
        InvalidInput: two columns are for the same field, or none of them identifies a record.
    """
    first: dict[str, str] = {}
    for name, field in zip(header.names, header.fields, strict=True):
        if field in first:
            raise InvalidInput(FieldError(field, TWO_COLUMNS.format(first[field], name)))
        if field is not None:
            first[field] = name
    if not any(key in first for key in keys):
        columns = ", ".join(header.names[:20])
        *others, last = keys
        named = f"{', '.join(others)} or {last}" if others else last
        raise InvalidInput(FieldError(keys[0], NO_KEY.format(named, columns[:200])))


def inspect_csv(
    file: IO[bytes],
    fields: Mapping[str, str],
    keys: Sequence[str],
    encoding: Encoding | None,
    delimiter: Delimiter | None,
    see: Callable[[Header, CsvRecord], object],
) -> CsvFile:
    """Find out what a file is, as far as it is not told, and read it to its end.

    `see` is called with every record, the header's too.

    Raises:
        MalformedInput: it is empty, its encoding cannot be told, or it is broken somewhere.
        InvalidInput: its columns are not those that are wanted.
    """
    if encoding is None:
        encoding = detect_encoding(file)
    else:
        check_text(file, encoding)
    delimiters = [delimiter] if delimiter else _candidates(file, encoding)
    delimiter, header = _find_header(file, encoding, delimiters, fields)
    check_header(header, keys)
    rows = 0
    for record in _records(file, encoding, delimiter):
        rows += 1
        see(header, record)
    return CsvFile(encoding, delimiter, header, rows - 1)


def _candidates(file: IO[bytes], encoding: Encoding) -> list[Delimiter]:
    """The delimiters to try, first the one that the file itself names."""
    named = read_hint(next(read_lines(file, encoding), ""))
    return sorted(Delimiter, key=lambda delimiter: delimiter is not named)


def _find_header(
    file: IO[bytes],
    encoding: Encoding,
    delimiters: Iterable[Delimiter],
    fields: Mapping[str, str],
) -> tuple[Delimiter, Header]:
    """The header, by the delimiter that makes the most of it."""
    readings, faults = [], []
    for delimiter in delimiters:
        try:
            record = next(_records(file, encoding, delimiter), None)
        except MalformedInput as fault:
            faults.append(fault)
            continue
        if record is None:
            raise MalformedInput(EMPTY)
        if record.fault:
            faults.append(MalformedInput(BROKEN_HEADER.format(record.line, record.fault)))
        else:
            readings.append((delimiter, read_header(record.cells, fields)))
    if not readings:
        raise faults[0]
    return max(readings, key=lambda reading: (reading[1].known_count, len(reading[1].names)))


def _records(file: IO[bytes], encoding: Encoding, delimiter: Delimiter) -> Iterator[CsvRecord]:
    lines = read_lines(file, encoding)
    first = next(lines, "")
    # A spreadsheet does not show the hint as a row.
    if _is_hint(first):
        return read_records(lines, delimiter, lines_before=1)
    return read_records(chain([first], lines), delimiter)


def _is_hint(line: str) -> bool:
    try:
        return read_hint(line) is not None
    except MalformedInput:
        return True


def records_below(file: IO[bytes], found: CsvFile) -> Iterator[CsvRecord]:
    """The records below the header, with their cells as they are."""
    records = _records(file, found.encoding, found.delimiter)
    next(records, None)
    return records


def fault_of(record: CsvRecord, found: CsvFile) -> str | None:
    """What is wrong with a record as a whole; None if nothing is."""
    columns = len(found.header.names)
    if any(cell.strip() for cell in record.cells[columns:]):
        return TOO_MANY_CELLS.format(len(record.cells), columns, found.delimiter.label)
    return record.fault
