"""Structured logs: one JSON object per line, or readable on a terminal.

Every module logs with `structlog.get_logger(__name__)` and names the charge point by `identity` or
`charge_point`. Nothing logs payloads, headers or tokens. What a stranger put into a text does
nothing to the terminal that shows it, and secrets that were just set are masked.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, Literal

import structlog
from structlog.types import EventDict, Processor

_SEVERAL_LINES = ("exception", "stack")
"""What csms itself breaks into lines. In another text a line end could begin a line of a
stranger's."""

MAX_DEPTH = 5

_mask: Callable[[str], str] | None = None


def mask_with(mask: Callable[[str], str]) -> None:
    """Have this take secrets out of every text that is logged from now on."""
    global _mask
    _mask = mask


def configure(level: str, log_format: Literal["auto", "json", "console"]) -> None:
    """Send all logs, the libraries' too, to standard error in one format."""
    readable = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Without the values of local variables: they may be large, or secret.
        structlog.processors.format_exc_info,
        _make_harmless,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if readable
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            # What is below the level costs nothing more.
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # The driver tells every command at DEBUG, documents and all.
    logging.getLogger("pymongo").setLevel(max(logging.INFO, root.level))


def _make_harmless(logger: object, method: str, event: EventDict) -> EventDict:
    """Mask secrets, and escape what a terminal would obey or not show, in every text."""
    harmless: EventDict = {}
    for name, value in event.items():
        if isinstance(value, str):
            value = _harmless(value, kept="\n\t" if name in _SEVERAL_LINES else "")
        elif not name.startswith("_"):
            value = _of_any_type(value, MAX_DEPTH)
        harmless[name if name.isprintable() else _harmless(name)] = value
    return harmless


def _of_any_type(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _harmless(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth <= 0:
        return _harmless(str(value))
    if isinstance(value, dict):
        return {_harmless(str(k)): _of_any_type(v, depth - 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_of_any_type(item, depth - 1) for item in value]
    return _harmless(str(value))


def _harmless(text: str, kept: str = "") -> str:
    if _mask is not None:
        text = _mask(text)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in kept else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()
