"""Serving under a path prefix, behind a reverse proxy."""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import Application


class PrefixedApplication(Application):
    """An application that answers under its prefix too, for a proxy that does not strip it."""

    def __init__(self, prefix: str, handlers: list[Any], **settings: Any) -> None:
        super().__init__(handlers, **settings)
        self._prefix = prefix

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """The handler of the path behind the prefix."""
        if self._prefix and request.path.startswith(self._prefix + "/"):
            request.path = request.path.removeprefix(self._prefix)
        return super().find_handler(request, **kwargs)
