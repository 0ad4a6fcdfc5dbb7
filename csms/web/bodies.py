"""Closes connections whose request announces a body that does not come.

A firmware file may take as long as it takes while it moves on. Who sends half a form and then
nothing, or one byte now and then, holds a connection for seconds only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import structlog
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)

log = structlog.get_logger(__name__)

STALLED_AFTER = 30.0
"""Seconds without a byte."""
PATIENCE = 20.0
"""Seconds that any body may take ..."""
LEAST_RATE = 512.0
"""... and longer by a second for so many bytes that have come: the slowest mobile links do more."""


class TimesBodies(HTTPMessageDelegate):
    """Closes the connection of a request whose body stalls."""

    def __init__(self, inner: HTTPMessageDelegate, connection: Any) -> None:
        """`connection` is Tornado's HTTP1Connection."""
        self._inner = inner
        self._connection = connection
        self._began = self._came_at = 0.0
        self._received = 0
        self._timer: asyncio.TimerHandle | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Begin to watch when the handler is ready to read, if a body is to come."""
        ready = self._inner.headers_received(start_line, headers)
        if headers.get("Content-Length", "0") == "0" and "Transfer-Encoding" not in headers:
            return ready
        if ready is not None:
            return self._watch_after(ready)
        self._begin()
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Note that it moves on."""
        self._received += len(chunk)
        self._came_at = asyncio.get_running_loop().time()
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        """The body is whole."""
        self._end()
        self._inner.finish()

    def on_connection_close(self) -> None:
        """Nothing more will come."""
        self._end()
        self._inner.on_connection_close()

    async def _watch_after(self, ready: Awaitable[None]) -> None:
        await ready
        self._begin()

    def _begin(self) -> None:
        self._began = self._came_at = asyncio.get_running_loop().time()
        self._watch()

    def _watch(self) -> None:
        due = min(
            self._came_at + STALLED_AFTER, self._began + PATIENCE + self._received / LEAST_RATE
        )
        loop = asyncio.get_running_loop()
        if due > loop.time():
            self._timer = loop.call_at(due, self._watch)
            return
        self._timer = None
        log.info("body_stalled", received=self._received)
        stream = self._connection.stream
        if stream is not None:
            stream.close()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
