"""From a request target to a handler: the absolute form, needless slashes, the path prefix."""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerRequest
from tornado.web import Application

from csms.connections.visitor import path_of, without_doubled_slashes
from csms.web.bodies import TimesBodies
from csms.web.ocpp_handshake import LetsBadHostThrough

OCPP_PATH = r"/ocpp(?:/.*)?"
"""All that charge points may have in mind; of it only `/ocpp/1.6` is served."""


class PrefixedApplication(Application):
    """An application that answers under its prefix too, for a proxy that does not strip it."""

    def __init__(self, prefix: str, handlers: list[Any], **settings: Any) -> None:
        super().__init__(handlers, **settings)
        self._prefix = prefix

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Begin a request."""
        inner = LetsBadHostThrough(super().start_request(server_conn, request_conn))
        return TimesBodies(inner, request_conn)

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """The handler of the path behind the prefix."""
        request.path = self._path(request.uri or "")
        return super().find_handler(request, **kwargs)

    def _path(self, target: str) -> str:
        """The path to route by. Slashes are forgiven to charge points alone: ids may have some."""
        path = path_of(target)
        forgiven = self._behind_prefix(without_doubled_slashes(path))
        if forgiven == "/ocpp" or forgiven.startswith("/ocpp/"):
            return forgiven
        return self._behind_prefix(path)

    def _behind_prefix(self, path: str) -> str:
        if self._prefix and path.startswith(self._prefix + "/"):
            return path.removeprefix(self._prefix)
        return path
