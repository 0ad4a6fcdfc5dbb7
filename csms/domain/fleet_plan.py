"""What an import does with each row: create, change, leave, or reject, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from csms.domain.charge_point import NewChargePoint, fold_serial, has_key, name_objections
from csms.domain.csv_table import CsvFile
from csms.domain.fleet_columns import SECRET
from csms.domain.fleet_csv import FleetRow, Key, field_errors, name_keys, record_keys
from csms.domain.folded_keys import names_of
from csms.domain.repeats import Repeats
from csms.domain.text import nfc
from csms.errors import Duplicate, FieldError

Record = Mapping[str, Any]

HIDDEN = "(hidden)"

REPEATED = "row {0} is about the same charge point; keep one of the two"
TWO_RECORDS = "belongs to the record {0}, but {1} to {2}; a row can be about one record only"
OTHER_ID = (
    "{0} is on record as {1}, and an id cannot be changed; leave the cell empty or write that id"
)
NAMED_ABOVE = (
    "row {0} has it already, as the identity or the serial number of another charge point; these"
    " must all differ"
)
DIFFERS = (
    "already exists as {0} and differs in {1}; to change it, import with update=true (--update)"
)


class Result(StrEnum):
    """What becomes of a row."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Change:
    """A field's value before and after."""

    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class RowResult:
    """What becomes of one row.

    `new` is what to store for a created one; `changes` are by field, an authorization key hidden.
    `notes` are what the file's owner should look at, though the row is taken.
    """

    row: int
    line: int
    id: str | None
    result: Result
    changes: Mapping[str, Change] = field(default_factory=dict)
    errors: tuple[FieldError, ...] = ()
    notes: tuple[FieldError, ...] = ()
    new: NewChargePoint | None = field(default=None, repr=False)

    def reject(self, *errors: FieldError) -> RowResult:
        """The same row, rejected after all."""
        return replace(self, result=Result.REJECTED, changes={}, errors=errors, new=None)

    def as_json(self) -> dict[str, Any]:
        """The row as REST answers it."""
        changes = {name: {"from": c.before, "to": c.after} for name, c in self.changes.items()}
        return {
            "row": self.row,
            "line": self.line,
            "id": self.id,
            "result": self.result,
            "changes": changes,
            "errors": [{"field": e.field, "message": e.message} for e in self.errors],
            "notes": [{"field": n.field, "message": n.message} for n in self.notes],
        }


@dataclass(slots=True)
class Summary:
    """How many rows came to what."""

    dry_run: bool
    file: CsvFile
    counts: dict[Result, int] = field(default_factory=lambda: dict.fromkeys(Result, 0))

    def add(self, results: Iterable[RowResult]) -> None:
        """Count more rows."""
        for result in results:
            self.counts[result.result] += 1

    def file_json(self) -> dict[str, Any]:
        """How the file is read, which is known before its rows."""
        return {
            "dryRun": self.dry_run,
            "unknownColumns": self.file.header.unknown,
            "encoding": self.file.encoding,
            "delimiter": self.file.delimiter.label,
        }

    def as_json(self) -> dict[str, Any]:
        """The summary as REST answers it; what was ignored comes first."""
        return self.file_json() | {str(result): count for result, count in self.counts.items()}


class Existing:
    """Records, found by any of their keys."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._by_key: dict[Key, list[Record]] = {}
        self._by_name: dict[str, list[tuple[Record, str]]] = {}
        for record in records:
            for key in record_keys(record):
                self._by_key.setdefault(key, []).append(record)
            for name_field, name in names_of(record).items():
                self._by_name.setdefault(name, []).append((record, name_field))

    def matches(self, row: FleetRow) -> dict[str, Record]:
        """The records that a row's keys name, by the field that names them, the surest first."""
        return {key[0]: self._best(key, row) for key in row.keys if key in self._by_key}

    def taken(self, names: Mapping[str, str], record: Record | None) -> list[FieldError]:
        """Which of these names, by field, are another record's identity or serial."""
        own_id = None if record is None else record["_id"]
        errors = []
        for field_name, name in names.items():
            others = [one for one in self._by_name.get(name, ()) if one[0]["_id"] != own_id]
            if others:
                other, theirs = others[0]
                duplicate = Duplicate(
                    field_name,
                    str(other["_id"]),
                    str(other[theirs]),
                    theirs if theirs != field_name else None,
                )
                errors.append(FieldError(field_name, duplicate.message))
        return errors

    def _best(self, key: Key, row: FleetRow) -> Record:
        """Of records that collide since before that was refused, the one written as in the row."""
        found, (name, _) = self._by_key[key], key
        field = "_id" if name == "id" else name
        return next((one for one in found if one[field] == row.value(name)), found[0])

    def match(self, row: FleetRow) -> Record | None:
        """The record that a row is about, by its surest key."""
        return next(iter(self.matches(row).values()), None)


class Planner:
    """Decides on the rows of one file, in their order."""

    def __init__(self, repeats: Repeats, update: bool) -> None:
        self._repeats = repeats
        self._update = update

    def decide(self, row: FleetRow, existing: Existing, secret_fits: bool = False) -> RowResult:
        """What to do with a row.

        `secret_fits` says whether its authorization key is the one that its record has already.
        """
        matches = existing.matches(row)
        record = next(iter(matches.values()), None)
        record_id = row.id if record is None else record["_id"]
        result = RowResult(row.row, row.line, record_id, Result.UNCHANGED, notes=row.notes)
        names = _new_names(row, record)
        errors = (
            row.errors
            or self._repeated(row.keys)
            or _conflicts(row, matches)
            or existing.taken(names, record)
            or self._named_above(names)
        )
        if errors:
            return result.reject(*errors)
        if record is None:
            return self._create(row, result)
        changes = _changes(row.fields, record, secret_fits)
        if changes and not self._update:
            return result.reject(_exists(next(iter(matches)), record, changes))
        if objections := name_objections({name: row.fields.get(name) for name in changes}):
            return result.reject(*objections)
        others = [key for key in record_keys(record) if key not in row.keys]
        names_left = name_keys({**record, **row.fields})
        self._repeats.note(row.row, [*row.keys, *name_keys(row.fields)], also=others + names_left)
        return replace(result, result=Result.CHANGED, changes=changes) if changes else result

    def _create(self, row: FleetRow, result: RowResult) -> RowResult:
        given = row.fields if row.id is None else {"id": row.id, **row.fields}
        try:
            new = NewChargePoint.model_validate(given)
        except ValidationError as error:
            return result.reject(*field_errors(error))
        if objections := name_objections(given):
            return result.reject(*objections)
        self._repeats.note(row.row, [*row.keys, *name_keys(row.fields)])
        return replace(result, result=Result.CREATED, new=new)

    def _named_above(self, names: Mapping[str, str]) -> list[FieldError]:
        rows = ((f, self._repeats.first_row(key)) for f, key in _as_keys(names))
        return [FieldError(name, NAMED_ABOVE.format(row)) for name, row in rows if row is not None]

    def _repeated(self, keys: Sequence[Key]) -> list[FieldError]:
        rows = ((key[0], self._repeats.first_row(key)) for key in keys)
        return [
            FieldError(name, REPEATED.format(first)) for name, first in rows if first is not None
        ]


def _new_names(row: FleetRow, record: Record | None) -> dict[str, str]:
    """The names that a row gives to its record, by field; those that it has already are kept."""
    before = record or {}
    return {
        field_name: name
        for field_name, name in names_of(row.fields).items()
        if not _same(field_name, row.fields[field_name], before.get(field_name))
    }


def _as_keys(names: Mapping[str, str]) -> list[tuple[str, Key]]:
    return [(field, key) for field in names for key in name_keys({field: names[field]})]


def _conflicts(row: FleetRow, matches: Mapping[str, Record]) -> list[FieldError]:
    """Keys of one row that name different records, or an id that is not the record's."""
    if not matches:
        return []
    name, record = next(iter(matches.items()))
    errors = [
        FieldError(other_name, TWO_RECORDS.format(other["_id"], name, record["_id"]))
        for other_name, other in matches.items()
        if other["_id"] != record["_id"]
    ]
    if row.id is not None and row.id != nfc(str(record["_id"])) and not errors:
        errors.append(FieldError("id", OTHER_ID.format(name, record["_id"])))
    return errors


def _changes(fields: Record, record: Record, secret_fits: bool) -> dict[str, Change]:
    changes = {
        name: Change(record.get(name), value)
        for name, value in fields.items()
        if name != SECRET and not _same(name, value, record.get(name))
    }
    if fields.get(SECRET) is not None and not secret_fits:
        before = HIDDEN if has_key(record) else None
        changes[SECRET] = Change(before, HIDDEN)
    return changes


def _same(name: str, value: Any, on_record: Any) -> bool:
    if name == "serialNumber":
        return fold_serial(value) == fold_serial(on_record)
    return bool(value == on_record)


def _exists(name: str, record: Record, changes: Mapping[str, Change]) -> FieldError:
    return FieldError(name, DIFFERS.format(record["_id"], ", ".join(changes)))
