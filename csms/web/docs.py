"""`/docs`: Swagger UI from an installed package, so that it works without the internet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from swagger_ui_bundle import swagger_ui_path
from tornado.routing import URLSpec
from tornado.web import StaticFileHandler

from csms.web.health import OpenHandler

STATIC = Path(__file__).parent / "static"

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


def routes(services: Any) -> list[URLSpec]:
    """The page, its own files, and Swagger UI's."""
    return [
        URLSpec("/docs", DocsHandler, {"services": services}),
        URLSpec("/docs/swagger-ui/(.*)", StaticFileHandler, {"path": str(swagger_ui_path)}),
        URLSpec("/docs/static/(.*)", StaticFileHandler, {"path": str(STATIC)}),
    ]
