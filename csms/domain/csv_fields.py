"""The cells of a record as values of fields, with what is wrong with them, field by field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from csms.domain.csv_cells import Cell, neutralise, read_cell
from csms.domain.spreadsheet_damage import (
    DATE,
    control_character,
    damage,
    formula_error,
    invisible_character,
    is_date,
)
from csms.errors import FieldError

Reader = Callable[[Cell], Any]
"""Reads a cell that is not empty; a `ValueError` says what to write instead."""

WHOLE_NUMBER = "write a whole number, such as 2"
THOUSANDS = "the comma may part thousands or decimals: {0}"
KEPT_APOSTROPHE = "begins with an apostrophe, which is kept: take it off if it is a spreadsheet's"

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(slots=True)
class FieldValues:
    """What the cells of a record say. An empty cell, or one that the record lacks, says nothing."""

    values: dict[str, Any] = field(default_factory=dict)
    errors: list[FieldError] = field(default_factory=list)
    notes: list[FieldError] = field(default_factory=list)


def read_fields(
    names: Sequence[str | None],
    cells: Sequence[str],
    readers: Mapping[str, Reader],
    *,
    keys: Sequence[str],
    secret: str | None = None,
) -> FieldValues:
    """Read a record's cells; `names` are the fields of its columns, None for one that is ignored.

    `keys` are the fields that find a record; `secret` is the one that is taken as it is.
    """
    found = FieldValues()
    for name, raw in zip(names, cells, strict=False):
        if name is None:
            continue
        cell = read_cell(raw, keep_apostrophe=name == secret)
        if not cell.text:
            continue
        try:
            found.values[name] = _read(name, cell, readers, secret)
        except ValueError as error:
            found.errors.append(FieldError(name, str(error)))
            continue
        notes = (cell.note, invisible_character(cell.text) if name in keys else None)
        if name == secret and cell.text.startswith("'") and not cell.is_text:
            notes = (KEPT_APOSTROPHE, None)
        found.notes += [FieldError(name, note) for note in notes if note]
    return found


def _read(name: str, cell: Cell, readers: Mapping[str, Reader], secret: str | None) -> Any:
    fault = None if cell.is_text or name == secret else formula_error(cell.text)
    if fault is not None:
        raise ValueError(fault)
    reader = readers.get(name)
    return cell.text if reader is None else reader(cell)


def write_text(text: str, *, is_key: bool) -> str:
    """A text as a cell that `read_fields` reads back, and that no spreadsheet runs."""
    changed = damage(text) if is_key else formula_error(text)
    return f"'{text}" if changed else neutralise(text)


def read_key(cell: Cell) -> str:
    """A text that finds a record.

    Raises:
        ValueError: a spreadsheet took it for something else, or it has control characters.
    """
    fault = control_character(cell.text) or (None if cell.is_text else damage(cell.text))
    if fault is not None:
        raise ValueError(fault)
    return cell.text


def read_whole_number(cell: Cell) -> int:
    """A whole number.

    Raises:
        ValueError: it is none.
    """
    number = read_number(cell.text, WHOLE_NUMBER)
    if not number.is_integer():
        raise ValueError(WHOLE_NUMBER)
    return int(number)


def read_number(text: str, remedy: str) -> float:
    """A number with a decimal point or a decimal comma.

    A comma in a cell is never one between cells: those are parted before, or the cell is quoted.

    Raises:
        ValueError: it is none; `remedy` says what to write.
    """
    if _DECIMAL_COMMA.fullmatch(text):
        if len(text.partition(",")[2]) == 3:
            raise ValueError(THOUSANDS.format(remedy))
        text = text.replace(",", ".")
    if is_date(text):
        raise ValueError(DATE.format(text))
    if not _NUMBER.fullmatch(text):
        raise ValueError(remedy)
    return float(text)
