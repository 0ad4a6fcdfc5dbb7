"""The revocation list of the local authority, for proxies that end TLS. It holds nothing secret."""

from __future__ import annotations

from http import HTTPStatus

from tornado.web import HTTPError

from csms.web.health import OpenHandler

CRL_PATH = "/ca/crl.pem"


class RevocationListHandler(OpenHandler):
    """The list as it was signed last."""

    async def get(self) -> None:
        """The list, as PEM."""
        pem = self.services.revocation_list.pem
        if pem is None:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        self.set_header("Content-Type", "application/x-pem-file")
        self.set_header("Cache-Control", "no-cache")
        self.finish(pem)

    head = get
