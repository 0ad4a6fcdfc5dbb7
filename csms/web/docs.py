"""`/docs`: Swagger UI from an installed package, so that it works without the internet."""

from __future__ import annotations

from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tornado.routing import URLSpec
from tornado.web import HTTPError, StaticFileHandler

from csms.web.health import OpenHandler
from csms.web.security_headers import set_security_headers

STATIC = Path(__file__).parent / "static"


def _swagger_ui() -> Path:
    # The package is not imported: what is needed of it are its files.
    spec = find_spec("swagger_ui")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "static"


# Swagger UI writes style attributes and shows its icons as data: URLs; scripts are files alone.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class DocsHandler(OpenHandler):
    """The page around Swagger UI."""

    async def get(self) -> None:
        """Write it. Its links are relative, so that it works under a path prefix too."""
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.finish((STATIC / "docs.html").read_bytes())


class FileHandler(StaticFileHandler):
    """A file that the browser asks for again each time: after an update it may be another."""

    def set_default_headers(self) -> None:
        """Nothing but what a page of ours loads is to be run."""
        set_security_headers(self)

    @classmethod
    def get_absolute_path(cls, root: str, path: str) -> str:
        """The file that is asked for."""
        if "\0" in path:
            # No file can have it in its name, and the system calls refuse it.
            raise HTTPError(HTTPStatus.NOT_FOUND)
        return super().get_absolute_path(root, path)

    def set_extra_headers(self, path: str) -> None:
        """Have the browser ask; unchanged, it is not sent again."""
        self.set_header("Cache-Control", "no-cache")


def routes(services: Any) -> list[URLSpec]:
    """The page, its own files, and Swagger UI's."""
    return [
        URLSpec("/docs", DocsHandler, {"services": services}),
        URLSpec("/docs/swagger-ui/(.*)", FileHandler, {"path": str(_swagger_ui())}),
        URLSpec("/docs/static/(.*)", FileHandler, {"path": str(STATIC)}),
    ]
