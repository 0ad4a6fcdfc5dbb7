"""The opening handshake of a WebSocket (RFC 6455, 4.2.1): who asks for one, and what is missing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any

from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.routing import Matcher

from csms.connections.admission import Reason

VERSION = "13"


def asks_for_upgrade(headers: HTTPHeaders) -> bool:
    """Whether a request is meant to open a WebSocket, well or badly."""
    return "websocket" in _tokens(headers, "Upgrade") or "Sec-WebSocket-Key" in headers


def objection(request: HTTPServerRequest) -> tuple[Reason, HTTPStatus] | None:
    """What is wrong with an opening handshake, and the status to answer; None if nothing is."""
    headers = request.headers
    if request.method != "GET":
        return Reason.NO_UPGRADE, HTTPStatus.METHOD_NOT_ALLOWED
    if "websocket" not in _tokens(headers, "Upgrade"):
        return Reason.NO_UPGRADE, HTTPStatus.UPGRADE_REQUIRED
    if "upgrade" not in _tokens(headers, "Connection"):
        return Reason.NO_UPGRADE, HTTPStatus.BAD_REQUEST
    if not headers.get("Host"):
        return Reason.BAD_HOST, HTTPStatus.BAD_REQUEST
    if headers.get("Sec-WebSocket-Version") != VERSION:
        return Reason.BAD_VERSION, HTTPStatus.UPGRADE_REQUIRED
    if not _is_key(headers.get("Sec-WebSocket-Key", "")):
        return Reason.BAD_KEY, HTTPStatus.BAD_REQUEST
    return None


def is_browser(headers: HTTPHeaders) -> bool:
    """Whether a browser made the request, perhaps for a page of a stranger's.

    All of them say Mozilla/5.0, and a page cannot change that. `Origin` says nothing: there are
    charge points that send one.
    """
    return headers.get("User-Agent", "").lstrip().lower().startswith("mozilla/") or any(
        name.startswith("Sec-Fetch-") for name in headers
    )


def _tokens(headers: HTTPHeaders, name: str) -> list[str]:
    return [token.strip().lower() for token in headers.get(name, "").split(",")]


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


class AsksForUpgrade(Matcher):
    """Matches every request for a WebSocket upgrade, on any path."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Nothing for the handler but that it matches."""
        return {} if asks_for_upgrade(request.headers) else None


class LetsBadHostThrough(HTTPMessageDelegate):
    """Lets a handshake without a proper Host header reach its handler, which records it.

    Tornado would answer 400 before anything is known of the request.
    """

    def __init__(self, inner: HTTPMessageDelegate) -> None:
        self._inner = inner

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Try once more with an empty Host header, which no valid request has."""
        try:
            return self._inner.headers_received(start_line, headers)
        except HTTPInputError:
            if not asks_for_upgrade(headers):
                raise
        headers["Host"] = ""
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Pass on."""
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        """Pass on."""
        self._inner.finish()

    def on_connection_close(self) -> None:
        """Pass on."""
        self._inner.on_connection_close()
