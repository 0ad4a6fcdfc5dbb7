"""Logs: what a stranger sends does nothing to the terminal that shows it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from csms import logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    settings = structlog.get_config()
    yield
    structlog.configure(**settings)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_nothing_in_a_line_moves_the_cursor(
    capsys: pytest.CaptureFixture[str], log_format: Literal["json", "console"]
) -> None:
    logs.configure("INFO", log_format)
    sent = "\x1b]0;owned\x07\x9b2J\u202eสวัสดี"
    structlog.get_logger("csms.test").info("told", text=sent)
    line = capsys.readouterr().err
    assert "สวัสดี" in line and "owned" in line
    assert not {"\x07", "\x9b", "\u202e"} & set(line)
    if log_format == "json":
        assert json.loads(line)["text"] == r"\x1b]0;owned\x07\x9b2J\u202eสวัสดี"
