"""Cells that a spreadsheet would run as a formula, made harmless and read back.

`denaturalise(neutralise(cell)) == cell` for every cell.
"""

from __future__ import annotations

import re

# Full-width signs too: spreadsheets take them for the ASCII ones. A tab or a line end at the
# start, and quotes or blanks before the sign, do not keep them from it.
_FORMULA = re.compile(r"['\s]*[=+\-@＝＋－＠]|['\s]*[\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def neutralise(cell: str) -> str:
    """Put `'` before what a spreadsheet would run; a plain number stays as it is."""
    if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def denaturalise(cell: str) -> str:
    """Take off the `'` that `neutralise` put before a cell."""
    if cell.startswith("'") and _FORMULA.match(cell[1:]):
        return cell[1:]
    return cell
