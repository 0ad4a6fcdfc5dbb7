"""Id tags as CSV: their columns, the rows as checked fields, and what becomes of each row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import IO, Any

from pydantic import ValidationError

from csms.domain.csv_cells import Cell
from csms.domain.csv_encoding import Encoding
from csms.domain.csv_fields import Reader, read_fields, read_key, read_whole_number, write_text
from csms.domain.csv_table import (
    CsvFile,
    Header,
    fault_of,
    fields_by_name,
    inspect_csv,
    records_below,
)
from csms.domain.csv_text import CsvRecord, Delimiter
from csms.domain.fleet_csv import field_errors
from csms.domain.fleet_plan import Change, Result, RowResult
from csms.domain.id_tag import NewIdTag, fold
from csms.domain.spreadsheet_damage import control_character
from csms.domain.times import parse_time, rfc3339
from csms.errors import FieldError

COLUMNS = ("idTag", "status", "expiryDate", "parentIdTag", "maxActiveTransactions", "note")

_SYNONYMS = {
    "idTag": (
        "tag, id, uid, card, card number, rfid, rfid uid, token, บัตร, รหัส, ไอดี, รหัสบัตร,"
        " หมายเลขบัตร, เลขบัตร, บัตรผู้ใช้, บัตร rfid, ไอดีแท็ก"
    ),
    "status": "state, สถานะ",
    "expiryDate": "expiry, expires, valid until, วันหมดอายุ, หมดอายุ, ใช้ได้ถึง",
    "parentIdTag": "parent, parent id tag, group, group id, กลุ่ม, บัตรกลุ่ม, รหัสกลุ่ม",
    "maxActiveTransactions": (
        "max transactions, transactions at once, at once, จำนวนครั้งพร้อมกัน, จำนวนรายการพร้อมกัน"
    ),
    "note": "notes, comment, remark, name, holder, หมายเหตุ, ชื่อ",
}
_FIELDS = fields_by_name(_SYNONYMS)
_KEYS = ("idTag", "parentIdTag")
_STATUSES = {name.casefold(): name for name in ("Accepted", "Blocked", "Expired", "Invalid")}
_PAUSE_ROWS = 200

STATUS = f"write one of {', '.join(_STATUSES.values())}"
TIME = "write it as 2027-12-31 or 2027-12-31T17:00:00+07:00"
REPEATED = "row {0} is about the same id tag; keep one of the two"
DIFFERS = "already exists and differs in {0}; to change it, import with update=true"


@dataclass(frozen=True, slots=True)
class IdTagRow:
    """One row: the id tag with the fields that are given, or what is wrong with them.

    `notes` say what was mended, and what may be wrong though it is taken.
    """

    row: int
    line: int
    id_tag: str | None
    new: NewIdTag | None
    errors: tuple[FieldError, ...] = ()
    notes: tuple[FieldError, ...] = ()

    @property
    def key(self) -> str | None:
        """What finds the record."""
        return None if self.new is None else fold(self.new.idTag)


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a row, and the fields to store for it."""

    result: RowResult
    fields: Mapping[str, Any] = field(default_factory=dict)
    new: NewIdTag | None = None


def inspect_id_tags(
    file: IO[bytes],
    encoding: Encoding | None = None,
    delimiter: Delimiter | None = None,
    pause: Callable[[], object] = lambda: None,
) -> CsvFile:
    """Find out what a file is, and read it to its end; `pause` is called now and then.

    Raises:
        MalformedInput: it is empty, its encoding cannot be told, or it is broken somewhere.
        InvalidInput: its columns are not those of id tags.
    """

    def see(_: Header, record: CsvRecord) -> None:
        if record.row % _PAUSE_ROWS == 0:
            pause()

    return inspect_csv(file, _FIELDS, ("idTag",), encoding, delimiter, see)


def read_id_tags(file: IO[bytes], found: CsvFile) -> Iterator[IdTagRow]:
    """The rows, checked one by one. An empty cell is not given."""
    for record in records_below(file, found):
        yield _read_row(record, found)


def _read_row(record: CsvRecord, found: CsvFile) -> IdTagRow:
    fault = fault_of(record, found)
    if fault is not None:
        return IdTagRow(record.row, record.line, None, None, (FieldError("row", fault),))
    read = read_fields(found.header.fields, record.cells, _READERS, keys=_KEYS)
    id_tag, errors, notes = read.values.get("idTag"), read.errors, tuple(read.notes)
    try:
        new = None if errors else NewIdTag.model_validate(read.values)
    except ValidationError as error:
        new, errors = None, field_errors(error, "parentIdTag")
    return IdTagRow(record.row, record.line, id_tag, new, tuple(errors), notes)


def _status(cell: Cell) -> str:
    status = _STATUSES.get(cell.text.casefold())
    if status is None:
        raise ValueError(STATUS)
    return status


def _time(cell: Cell) -> datetime:
    text = cell.text
    time = parse_time(f"{text} 00:00" if len(text) == len("2027-12-31") else text)
    if time is None:
        raise ValueError(TIME)
    return time


def _note(cell: Cell) -> str:
    if fault := control_character(re.sub(r"[\n\t]", "", cell.text)):
        raise ValueError(fault)
    return cell.text


_READERS: Mapping[str, Reader] = {
    "idTag": read_key,
    "parentIdTag": read_key,
    "status": _status,
    "expiryDate": _time,
    "maxActiveTransactions": read_whole_number,
    "note": _note,
}


class IdTagPlanner:
    """Decides on the rows of one file, in their order."""

    def __init__(self, update: bool) -> None:
        self._update = update
        self._first_rows: dict[str, int] = {}

    def decide(self, row: IdTagRow, record: Mapping[str, Any] | None) -> Decision:
        """What to do with a row, given the record of its id tag."""
        result = RowResult(row.row, row.line, row.id_tag, Result.UNCHANGED, notes=row.notes)
        key = row.key
        if row.new is None or key is None:
            return Decision(result.reject(*row.errors))
        first = self._first_rows.setdefault(key, row.row)
        if first != row.row:
            return Decision(result.reject(FieldError("idTag", REPEATED.format(first))))
        if record is None:
            return Decision(replace(result, result=Result.CREATED), new=row.new)
        fields = row.new.document()
        changes = {
            name: Change(_shown(record.get(name)), _shown(value))
            for name, value in fields.items()
            if name in COLUMNS and value != record.get(name)
        }
        if not changes:
            return Decision(result)
        if not self._update:
            message = DIFFERS.format(", ".join(changes))
            return Decision(result.reject(FieldError("idTag", message)))
        return Decision(replace(result, result=Result.CHANGED, changes=changes), fields)


def _shown(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else value


def export_row(record: Mapping[str, Any]) -> list[str]:
    """The cells of a record, in the order of `COLUMNS`."""
    return [_cell(name, record.get(name)) for name in COLUMNS]


def _cell(name: str, value: Any) -> str:
    if isinstance(value, str):
        return write_text(value, is_key=name in _KEYS)
    return "" if value is None else str(_shown(value))
