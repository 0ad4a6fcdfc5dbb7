"""The threat model names tests that exist, for every promise."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
PROMISES = TEXT.partition("\n## Promises\n")[2].partition("\n## ")[0]
ROWS = [line for line in PROMISES.splitlines() if line.startswith("| ")]
PROMISED = [row for row in ROWS if not re.match(r"\| (attack \||---)", row)]


@cache
def names_in(path: str) -> frozenset[str]:
    """What a test file has: functions and classes, methods as Class::method."""
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {one.name for one in body if isinstance(one, (ast.ClassDef, *functions))}
    for holder in body:
        if isinstance(holder, ast.ClassDef):
            inner = (one.name for one in holder.body if isinstance(one, functions))
            found |= {f"{holder.name}::{name}" for name in inner}
    return frozenset(found)


@pytest.mark.parametrize("row", PROMISED, ids=lambda row: row[2:60])
def test_every_promise_names_tests_that_exist(row: str) -> None:
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
    assert len(cells) == 3 and all(cells), row
    named = re.findall(r"`([^`]+)`", cells[2])
    assert named and named[0].startswith("tests/"), f"as `tests/file.py::name`: {cells[2]}"
    path = ""
    for one in named:
        file, *inside = one.split("::")
        path = file or path
        assert (ROOT / path).is_file(), one
        assert not inside or "::".join(inside) in names_in(path), one


def test_nothing_is_said_twice() -> None:
    attacks = [row.split("|")[1].strip().lower() for row in PROMISED]
    assert sorted(set(attacks)) == sorted(attacks)
    lines = [line for line in TEXT.splitlines() if line.startswith("- ")]
    assert sorted(set(lines)) == sorted(lines)
