"""The HTTP server, which leaves some of the open files that a process may have to the others.

Without that, visitors could take them all: no new connection to the database could be opened, and
the ones that wait at the door could not even be turned away.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

log = structlog.get_logger(__name__)

RESERVED_FILES = 100
"""For the connections to the database, firmware files and the like."""

SAID_EVERY = 60.0


class Server(HTTPServer):
    """Closes connections at once that would take a reserved file."""

    turned_away: Callable[[], None]
    """Told of each that is closed; to be set before the server listens."""

    _said_at: float | None = None

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Serve a new connection, or close it."""
        # The kernel gives the lowest number that is free.
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if limit == resource.RLIM_INFINITY or stream.socket.fileno() < limit - RESERVED_FILES:
            super().handle_stream(stream, address)
            return
        stream.close()
        self.turned_away()
        now = time.monotonic()
        if self._said_at is None or now - self._said_at > SAID_EVERY:
            self._said_at = now
            log.error("too_many_connections", open_files=limit, remedy="raise LimitNOFILE")


def allow_open_files() -> None:
    """Let this process have as many open files as it may allow itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems name a hard limit that they do not grant.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
