"""The HTTP server: keeps some open files for the rest of the process, and counts failed handshakes.

Without the first, visitors could take all open files that a process may have: no new connection to
the database could be opened, and the ones that wait at the door could not even be turned away.

At the limit a few connections are still served, one request each: whoever watches the process, or
operates it, gets an answer. A charge point is told to come again later. When they are too many,
those that came first are closed.
"""

from __future__ import annotations

import asyncio
import resource
import ssl
import time
from asyncio import Future
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from socket import socket
from typing import Any

import structlog
from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream, SSLIOStream
from tornado.netutil import ssl_wrap_socket

from csms.web.security_headers import BAD_REQUEST, bad_request

log = structlog.get_logger(__name__)

RESERVED_FILES = 100
"""For the connections to the database, firmware files and the like."""

SPARE_CONNECTIONS = 20
"""Connections that are served at the limit, on top of which the reserved files are kept."""
SPARE_SECONDS = 5.0
"""How long the header, and then the body, of a request on one of these may take."""

SAID_EVERY = 60.0
"""Seconds between two notes that the limit is reached ..."""
OVER_AFTER = 300.0
"""... and without any until that is taken to be over."""


class PlainStream(IOStream):
    """A connection whose refusals of what cannot be read have the headers of every answer."""

    def write(self, data: bytes | memoryview) -> Future[None]:
        """Send bytes."""
        return super().write(bad_request(is_tls=False) if data == BAD_REQUEST else data)


class TlsStream(SSLIOStream):
    """A TLS connection with such refusals, that keeps why its handshake failed.

    Tornado's own writes a line to the log for each that does, and forgets the reason.
    """

    failure: str | None = None
    """OpenSSL's reason, such as `TLSV1_ALERT_UNKNOWN_CA`."""

    def write(self, data: bytes | memoryview) -> Future[None]:
        """Send bytes."""
        return super().write(bad_request(is_tls=True) if data == BAD_REQUEST else data)

    def _do_ssl_handshake(self) -> None:
        self._handshake_reading = self._handshake_writing = False
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            self._handshake_reading = True
        except ssl.SSLWantWriteError:
            self._handshake_writing = True
        except (OSError, AttributeError) as error:
            # An AttributeError: the connection was reset before it was wrapped.
            self.failure = self._reason_of(error)
            self.close(exc_info=error)
        else:
            self._ssl_accepting = False
            self._finish_ssl_connect()

    def _reason_of(self, error: Exception) -> str | None:
        """Why it failed; None if the peer said nothing, as port scanners and health checks do."""
        is_tls = isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError)
        if not is_tls and self.socket.shared_ciphers() is None:
            return None
        if isinstance(error, ssl.SSLError):
            return error.reason or "UNKNOWN"
        return "CONNECTION_RESET"


class Server(HTTPServer):
    """Closes connections that would take a reserved file; the callbacks are to be set."""

    on_too_many: Callable[[str], object]
    """Gets the address of each that is closed."""

    on_limit: Callable[[int], object]
    """Gets the limit of open files when it is reached, again and again while it is."""

    on_limit_over: Callable[[], object]
    """Is called when it has not been reached for a while."""

    on_failed_handshake: Callable[[str, str], object]
    """Gets OpenSSL's reason and the address of each TLS handshake that failed."""

    _said_at: float | None = None
    _over: asyncio.TimerHandle | None = None

    def initialize(self, *args: Any, **options: Any) -> None:
        """Take what an HTTPServer takes."""
        super().initialize(*args, **options)
        self._spare: dict[IOStream, str] = {}
        self._spare_params = copy(self.conn_params)
        self._spare_params.no_keep_alive = True
        self._spare_params.header_timeout = self._spare_params.body_timeout = SPARE_SECONDS

    def _handle_connection(self, connection: socket, address: Any) -> None:
        """Begin to serve a connection that was accepted."""
        sizes = {"max_buffer_size": self.max_buffer_size, "read_chunk_size": self.read_chunk_size}
        if self.ssl_options is None:
            self.handle_stream(PlainStream(connection, **sizes), address)
            return
        try:
            wrapped = ssl_wrap_socket(
                connection, self.ssl_options, server_side=True, do_handshake_on_connect=False
            )
        except OSError:
            # It is gone already.
            connection.close()
            return
        self.handle_stream(TlsStream(wrapped, **sizes), address)

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Serve a new connection, or close one."""
        # The kernel gives the lowest number that is free.
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        most = limit - RESERVED_FILES - SPARE_CONNECTIONS
        if limit == resource.RLIM_INFINITY or stream.socket.fileno() < most:
            super().handle_stream(stream, address)
            return
        self._note_limit(limit)
        while len(self._spare) >= SPARE_CONNECTIONS:
            first, its_address = next(iter(self._spare.items()))
            del self._spare[first]
            first.close()
            self.on_too_many(its_address)
        self._spare[stream] = str(address[0])
        params, self.conn_params = self.conn_params, self._spare_params
        try:
            super().handle_stream(stream, address)
        finally:
            self.conn_params = params

    def _note_limit(self, limit: int) -> None:
        now = time.monotonic()
        if self._said_at is not None and now - self._said_at <= SAID_EVERY:
            return
        self._said_at = now
        log.error("too_many_connections", open_files=limit, remedy="raise LimitNOFILE")
        self.on_limit(limit)
        if self._over is not None:
            self._over.cancel()
        self._over = asyncio.get_running_loop().call_later(OVER_AFTER, self.on_limit_over)

    @property
    def is_at_limit(self) -> bool:
        """Whether a connection was taken of late that there is no file for."""
        return self._said_at is not None and time.monotonic() - self._said_at <= SAID_EVERY

    def on_close(self, server_conn: object) -> None:
        """Note why a connection ended, if it never began."""
        super().on_close(server_conn)
        assert isinstance(server_conn, HTTP1ServerConnection)
        stream = server_conn.stream
        self._spare.pop(stream, None)
        if isinstance(stream, TlsStream) and stream.failure is not None:
            self.on_failed_handshake(stream.failure, server_conn.context.remote_ip)  # type: ignore[attr-defined]


def is_spare(request: HTTPServerRequest) -> bool:
    """Whether a request came on a connection that is there for a short answer only."""
    params = getattr(request.connection, "params", None)
    return params is not None and bool(params.no_keep_alive)


def allow_open_files() -> None:
    """Let this process have as many open files as it may allow itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems name a hard limit that they do not grant.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
