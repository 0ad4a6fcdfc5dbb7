"""A fleet as CSV: what file this is, its rows as checked fields, and records as rows.

`inspect_fleet` finds out what a file is and refuses what cannot be read, before anything is done
with a row; `read_fleet` reads the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from csms.domain.charge_point import ChargePointPatch, RecordId, fold_serial
from csms.domain.csv_cells import read_cell
from csms.domain.csv_encoding import Encoding
from csms.domain.csv_fields import read_fields, write_text
from csms.domain.csv_table import CsvFile, Header, fault_of, inspect_csv, records_below
from csms.domain.csv_text import CsvRecord, Delimiter
from csms.domain.fleet_cells import READERS, note_on_serial
from csms.domain.fleet_columns import EXPORTED, FIELDS, KEYS, NAMED_KEYS, SECRET
from csms.domain.folded_keys import NAMED_BY, fold_name, names_of
from csms.domain.repeats import Repeats
from csms.domain.text import fold_text
from csms.errors import FieldError

_PAUSE_ROWS = 200
_NAME = "name"

Key = tuple[str, str]
"""A field that finds a record, and its value as it is compared."""


@dataclass(frozen=True, slots=True)
class FleetFile(CsvFile):
    """What a file was found to be."""

    repeats: Repeats

    @property
    def has_secrets(self) -> bool:
        """Whether there is a column of authorization keys."""
        return SECRET in self.header.fields


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One row: the fields that are given, checked, or what is wrong with them.

    `notes` say what was mended, and what may be wrong though it is taken.
    `row` counts from 1 for the header, as a spreadsheet does; `line` is the line of the file. The
    fields are left out of the `repr`, which may end in a log: one of them is a secret.
    """

    row: int
    line: int
    id: str | None
    fields: Mapping[str, Any] = field(repr=False)
    errors: tuple[FieldError, ...] = ()
    notes: tuple[FieldError, ...] = ()

    @property
    def keys(self) -> list[Key]:
        """What finds this row's record, the surest first."""
        return record_keys({"_id": self.id, **self.fields})

    def value(self, key: str) -> Any:
        """One of the keys as it is written in the row."""
        return self.id if key == "id" else self.fields.get(key)


class _RowId(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: RecordId | None = None


def record_keys(record: Mapping[str, Any]) -> list[Key]:
    """What finds a record, the surest first."""
    values = ((key, record.get("_id" if key == "id" else key)) for key in KEYS)
    return [(key, _fold(key, value)) for key, value in values if isinstance(value, str)]


def name_keys(record: Mapping[str, Any]) -> list[Key]:
    """What no other record may be called, as identity or as serial; nothing is found by it."""
    return [(_NAME, name) for name in names_of(record).values()]


def _fold(key: str, value: str) -> str:
    return fold_serial(value) if key == "serialNumber" else fold_text(value)


def inspect_fleet(
    file: IO[bytes],
    encoding: Encoding | None = None,
    delimiter: Delimiter | None = None,
    pause: Callable[[], object] = lambda: None,
) -> FleetFile:
    """Find out what a file is, as far as it is not told, and read it to its end.

    `pause` is called now and then; there a thread lets others work.

    Raises:
        MalformedInput: it is empty, its encoding cannot be told, or it is broken somewhere.
        InvalidInput: its columns are not those of a fleet.
    """
    repeats = Repeats()
    rows = 0

    def see(header: Header, record: CsvRecord) -> None:
        nonlocal rows
        rows += 1
        if rows % _PAUSE_ROWS == 0:
            pause()
        cells = zip(header.fields, record.cells, strict=False)
        texts = {name: read_cell(cell).text for name, cell in cells if name in KEYS and cell}
        repeats.expect((name, _fold(name, text)) for name, text in texts.items())
        repeats.expect((_NAME, fold_name(texts[name])) for name in NAMED_BY if name in texts)

    found = inspect_csv(file, FIELDS, NAMED_KEYS, encoding, delimiter, see)
    return FleetFile(found.encoding, found.delimiter, found.header, found.row_count, repeats)


def read_fleet_records(file: IO[bytes], found: FleetFile) -> Iterator[CsvRecord]:
    """The records below the header, with their cells as they are."""
    return records_below(file, found)


def read_fleet(file: IO[bytes], found: FleetFile) -> Generator[FleetRow, None, None]:
    """The rows, checked one by one."""
    for record in read_fleet_records(file, found):
        yield read_row(record, found)


def read_row(record: CsvRecord, found: FleetFile) -> FleetRow:
    """Check one record's cells."""
    fault = fault_of(record, found)
    if fault is not None:
        return FleetRow(record.row, record.line, None, {}, (FieldError("row", fault),))
    read = read_fields(found.header.fields, record.cells, READERS, keys=KEYS, secret=SECRET)
    given, errors, notes = read.values, read.errors, read.notes
    record_id, fields = given.get("id"), {}
    try:
        record_id = _RowId.model_validate(given).id
    except ValidationError as error:
        errors += field_errors(error)
    try:
        patch = {name: value for name, value in given.items() if name != "id"}
        fields = ChargePointPatch.model_validate(patch).model_dump(exclude_unset=True)
    except ValidationError as error:
        errors += field_errors(error)
    if note := note_on_serial(given.get("serialNumber", "")):
        notes.append(FieldError("serialNumber", note))
    return FleetRow(record.row, record.line, record_id, fields, tuple(errors), tuple(notes))


def field_errors(error: ValidationError, of_all: str = "serialNumber") -> list[FieldError]:
    """What pydantic found, field by field, without the values: one of them may be a secret.

    `of_all` is the field to name for what is wrong with all of them together.
    """
    return [
        FieldError(
            str(found["loc"][0]) if found["loc"] else of_all,
            found["msg"].removeprefix("Value error, "),
        )
        for found in error.errors(include_input=False, include_context=False, include_url=False)
    ]


def export_row(record: Mapping[str, Any]) -> list[str]:
    """The cells of a record as REST shows it, in the order of `EXPORTED`."""
    return [_cell(name, record.get(name)) for name in EXPORTED]


def _cell(name: str, value: Any) -> str:
    if isinstance(value, str):
        return write_text(value, is_key=name in KEYS)
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
