"""The HTTP server: keeps some open files for the rest of the process, and counts failed handshakes.

Without the first, visitors could take all open files that a process may have: no new connection to
the database could be opened, and the ones that wait at the door could not even be turned away.
"""

from __future__ import annotations

import resource
import ssl
import time
from asyncio import Future
from collections.abc import Callable
from contextlib import suppress
from socket import socket
from typing import Any

import structlog
from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, SSLIOStream
from tornado.netutil import ssl_wrap_socket

from csms.web.security_headers import BAD_REQUEST, bad_request

log = structlog.get_logger(__name__)

RESERVED_FILES = 100
"""For the connections to the database, firmware files and the like."""

SAID_EVERY = 60.0


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
    """Closes connections at once that would take a reserved file; both callbacks are to be set."""

    on_too_many: Callable[[str], object]
    """Gets the address of each that is closed."""

    on_failed_handshake: Callable[[str, str], object]
    """Gets OpenSSL's reason and the address of each TLS handshake that failed."""

    _said_at: float | None = None

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
        """Serve a new connection, or close it."""
        # The kernel gives the lowest number that is free.
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if limit == resource.RLIM_INFINITY or stream.socket.fileno() < limit - RESERVED_FILES:
            super().handle_stream(stream, address)
            return
        stream.close()
        self.on_too_many(str(address[0]))
        now = time.monotonic()
        if self._said_at is None or now - self._said_at > SAID_EVERY:
            self._said_at = now
            log.error("too_many_connections", open_files=limit, remedy="raise LimitNOFILE")

    def on_close(self, server_conn: object) -> None:
        """Note why a connection ended, if it never began."""
        super().on_close(server_conn)
        assert isinstance(server_conn, HTTP1ServerConnection)
        stream = server_conn.stream
        if isinstance(stream, TlsStream) and stream.failure is not None:
            self.on_failed_handshake(stream.failure, server_conn.context.remote_ip)  # type: ignore[attr-defined]


def allow_open_files() -> None:
    """Let this process have as many open files as it may allow itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems name a hard limit that they do not grant.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
