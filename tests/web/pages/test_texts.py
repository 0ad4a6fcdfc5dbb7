"""Every text of the pages is there in Thai."""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from csms.domain import onboarding
from csms.web.pages import base, command_forms, texts

WEB = Path(base.__file__).parent.parent
QUOTED = r"""(?:"([^"]+)"|'([^']+)')"""

with (WEB / "locale" / "th.csv").open(encoding="utf-8", newline="") as _file:
    ROWS = [row for row in csv.reader(_file) if row]
THAI = {row[0]: row[1] for row in ROWS}


def strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def said_by_templates() -> set[str]:
    said: set[str] = set()
    for template in (WEB / "templates").glob("*.html"):
        for call in re.findall(r"\b_\(((?:[^()]|\([^()]*\))*)\)", template.read_text()):
            # `_("a")`, and `_("a" if x else "b")`: a comparison is no text.
            call = re.sub(rf"((==|!=|in) |get\(|\[){QUOTED}", "", call)
            said |= {one or other for one, other in re.findall(QUOTED, call)}
    return said


def said_by_steps() -> set[str]:
    tree = ast.parse(Path(onboarding.__file__).read_text())
    said = set(onboarding.REMEDIES) | set(onboarding.REMEDIES.values())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Step":
            said |= {text for text in strings(node) if text[:1].isupper() or "{" in text}
        if isinstance(node, ast.Assign):
            names = {getattr(target, "id", "") for target in node.targets}
            if names & {"detail", "remedy"}:
                said |= set(strings(node.value))
    return said


def said_by_scripts() -> set[str]:
    scripts = (WEB / "static" / "admin").glob("*.js")
    return {t for s in scripts for t in re.findall(r'\bt\("([^"]+)"', s.read_text())}


KINDS = set(base._KINDS)
FORMS = {title for _, title in command_forms.FIRST_ACTIONS} | set(command_forms.LABELS.values())
FORMS |= {title for title, _ in command_forms.RESOURCES.values()}


@pytest.mark.parametrize(
    "said",
    [
        said_by_templates(),
        said_by_steps(),
        said_by_scripts(),
        {title for _, title, _ in base.NAVIGATION},
        set(texts.SCRIPT_TEXTS + texts.ANSWERS),
        KINDS,
        FORMS,
        set(base.THEMES),
    ],
    ids=["templates", "steps", "scripts", "navigation", "texts", "statuses", "forms", "themes"],
)
def test_every_text_is_translated(said: set[str]) -> None:
    assert len(said) > 2
    assert sorted(said - set(THAI)) == []


def test_scripts_say_only_what_they_are_given() -> None:
    assert said_by_scripts() <= set(texts.SCRIPT_TEXTS + texts.ANSWERS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_translations_have_the_same_blanks(row: list[str]) -> None:
    english, thai = row
    assert set(re.findall(r"{\d}", english)) == set(re.findall(r"{\d}", thai))


def test_no_text_is_translated_twice() -> None:
    assert len(ROWS) == len(THAI)
