"""The cells of a CSV file: what a spreadsheet would run as a formula, and how it marks text.

`denaturalise(neutralise(cell)) == cell` for every cell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Full-width signs too: spreadsheets take them for the ASCII ones. A tab or a line end at the
# start, and quotes or blanks before the sign, do not keep them from it.
_FORMULA = re.compile(r"['\s]*[=+\-@＝＋－＠]|['\s]*[\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
# ="00123", and ="…" as it looks when it was quoted once more.
_TEXT_FORMULA = re.compile(r'=\s*"((?:[^"]|"")*)"|=\s*""([^"]*)""')

APOSTROPHE = "a spreadsheet's leading apostrophe was taken off"
TEXT_FORMULA = 'a spreadsheet\'s ="..." around it was taken off'


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of a cell.

    `is_text` says that the file marks it as text, which no spreadsheet has changed; `note` is what
    a person should know of how it was read.
    """

    text: str
    is_text: bool = False
    note: str | None = None


def neutralise(cell: str) -> str:
    """Put `'` before what a spreadsheet would run, and before a `'`; a plain number stays."""
    if cell.startswith("'") or (_FORMULA.match(cell) and not _NUMBER.fullmatch(cell)):
        return "'" + cell
    return cell


def denaturalise(cell: str) -> str:
    """Take off the `'` that `neutralise` put before a cell."""
    if cell.startswith("'") and (cell[1:2] == "'" or _FORMULA.match(cell[1:])):
        return cell[1:]
    return cell


def read_cell(raw: str, *, keep_apostrophe: bool = False) -> Cell:
    """The text of a cell, without the blanks around it and without a spreadsheet's marks of text.

    `keep_apostrophe` is for what may begin with one, such as a password.
    """
    stripped = raw.strip()
    if not stripped.startswith(("'", "=")):
        return Cell(stripped)
    if formula := _TEXT_FORMULA.fullmatch(stripped):
        text = (formula[1] or "").replace('""', '"') + (formula[2] or "")
        return Cell(text.strip(), is_text=True, note=TEXT_FORMULA)
    text = denaturalise(stripped)
    if text != stripped:
        return Cell(text, is_text=True)
    if text.startswith("'") and not keep_apostrophe:
        return Cell(text[1:].strip(), is_text=True, note=APOSTROPHE)
    return Cell(text)


def guard(raw: str) -> str:
    """A cell of a file that was imported, for another file: harmless, and read as before."""
    stripped = raw.strip()
    if stripped.startswith("'") or _TEXT_FORMULA.fullmatch(stripped):
        return stripped
    return neutralise(stripped)
