"""The table of cases and the tests agree."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
COUNT = 77

ROW = re.compile(r"^\| (TC_\d{3}(?:_\d)?_CSMS) \| [^|]+ \| (\w+\.py) \|$", re.MULTILINE)
NAMED = re.compile(r"(?:def test_|id=\")(tc_\d{3}(?:_\d)?_csms)")


def test_every_case_is_in_the_table_and_is_played_where_it_says() -> None:
    rows = ROW.findall((HERE / "README.md").read_text(encoding="utf-8"))
    played = {
        (case.upper(), path.name)
        for path in HERE.glob("test_*.py")
        for case in NAMED.findall(path.read_text(encoding="utf-8"))
    }
    assert sorted(rows) == sorted(played)
    assert len(rows) == len({case for case, _ in rows}) == COUNT
