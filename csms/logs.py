"""Structured logs: one JSON object per line, or readable on a terminal.

Every module logs with `structlog.get_logger(__name__)` and names the charge point by `identity` or
`charge_point`. Nothing logs payloads, headers or tokens.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.types import EventDict, Processor


def configure(level: str, log_format: Literal["auto", "json", "console"]) -> None:
    """Send all logs, the libraries' too, to standard error in one format."""
    readable = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _make_visible,
    ]
    if not readable:
        shared.append(structlog.processors.format_exc_info)
    renderer: Processor = (
        # Without the values of local variables: they may be large, or secret.
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


def _make_visible(logger: object, method: str, event: EventDict) -> EventDict:
    """Escape what a terminal would obey or not show: some texts are a stranger's."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = "".join(map(_visible, value))
    return event


def _visible(char: str) -> str:
    if char.isprintable() or char in "\n\t":
        return char
    return char.encode("unicode_escape").decode()
