"""From a request target to a handler: trusted proxies, absolute form, needless slashes, prefix."""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerRequest
from tornado.web import Application

from csms.connections.visitor import path_of, without_doubled_slashes
from csms.trusted_proxies import TrustedProxies
from csms.web.bodies import TimesBodies
from csms.web.forwarding import apply_forwarded, path_prefix
from csms.web.ocpp_handshake import LetsBadHostThrough

OCPP_PATH = r"/ocpp(?:/.*)?"
"""All that charge points may have in mind; of it only `/ocpp/1.6` is served."""


class PrefixedApplication(Application):
    """An application that answers under its prefix too, for a proxy that does not strip it."""

    def __init__(
        self, prefix: str, proxies: TrustedProxies, handlers: list[Any], **settings: Any
    ) -> None:
        super().__init__(handlers, **settings)
        self._prefix = prefix
        self._proxies = proxies

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Begin a request."""
        inner = LetsBadHostThrough(super().start_request(server_conn, request_conn))
        return TimesBodies(inner, request_conn)

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """The handler of the path behind the prefix."""
        apply_forwarded(request, self._proxies, self._prefix)
        request.path = _path(request.uri or "", path_prefix(request))
        return super().find_handler(request, **kwargs)


def _path(target: str, prefix: str) -> str:
    """The path to route by. Slashes are forgiven to charge points alone: ids may have some."""
    path = path_of(target)
    forgiven = _behind(prefix, without_doubled_slashes(path))
    if forgiven == "/ocpp" or forgiven.startswith("/ocpp/"):
        return forgiven
    return _behind(prefix, path)


def _behind(prefix: str, path: str) -> str:
    if prefix and path.startswith(prefix + "/"):
        return path.removeprefix(prefix)
    return path
