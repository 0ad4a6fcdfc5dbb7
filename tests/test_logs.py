"""Logs: what a stranger sends does nothing to the terminal that shows it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from csms import logs
from csms.domain.secret_values import KnownSecrets


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


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_nor_does_anything_within_lists_names_and_exceptions(
    capsys: pytest.CaptureFixture[str], log_format: Literal["json", "console"]
) -> None:
    logs.configure("INFO", log_format)
    bad = "x\x9b2J\u202e\u2066\u200b"
    log = structlog.get_logger("csms.test")
    log.warning("told", list=[bad, {"inner": (bad,)}], **{f"n{bad}": {bad: 1}})
    try:
        raise ValueError(bad)
    except ValueError:
        log.exception("failed")
        logging.getLogger("other").exception("failed with %s", bad)
    written = capsys.readouterr().err
    assert "ValueError" in written and "Traceback" in written
    assert not set("\x9b\u202e\u2066\u200b") & set(written)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_text_begins_no_line_of_its_own(
    capsys: pytest.CaptureFixture[str], log_format: Literal["json", "console"]
) -> None:
    logs.configure("INFO", log_format)
    forged = "x\n2026-01-01 [error] forged\r\u2028y"
    structlog.get_logger("csms.test").info("told", text=forged)
    logging.getLogger("other").info("told %s", forged)
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_secrets_are_masked_in_every_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_mask", None)
    known = KnownSecrets()
    known.remember("CP1", ["a key that was just set"])
    logs.mask_with(known.mask_any)
    logs.configure("INFO", "json")
    try:
        raise ValueError("no: A key that was just set")
    except ValueError:
        structlog.get_logger("csms.test").exception("failed", told=["a key that was just set"])
    written = capsys.readouterr().err
    assert "just set" not in written and written.count("********") >= 2
