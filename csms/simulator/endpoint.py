"""Where the central system is: the OCPP and admin URLs that one `--url` stands for."""

from __future__ import annotations

import ssl
from urllib.parse import quote, urlsplit

OCPP_PATH = "/ocpp/1.6"
_SCHEMES = {
    "ws": ("ws", "http"),
    "http": ("ws", "http"),
    "wss": ("wss", "https"),
    "https": ("wss", "https"),
}


class Endpoint:
    """A central system's addresses.

    `url` is the server's root or its OCPP endpoint; `insecure` accepts any certificate.

    Raises:
        ValueError: the URL cannot be used; the text says what to write.
    """

    def __init__(self, url: str, *, insecure: bool = False) -> None:
        parts = urlsplit(url.strip())
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise ValueError("write it as ws://HOST:PORT, or wss://HOST:PORT with TLS")
        if parts.username is not None:
            raise ValueError("leave the user out; a password is given with --password")
        websocket, http = _SCHEMES[parts.scheme]
        root = parts.path.rstrip("/").removesuffix(OCPP_PATH)
        self.ocpp = f"{websocket}://{parts.netloc}{root}{OCPP_PATH}"
        self.admin = f"{http}://{parts.netloc}{root}/admin"
        # One for all: each context reads the machine's certificates anew, and keeps them.
        self.tls = _context(insecure) if http == "https" else None

    def charge_point(self, identity: str) -> str:
        """The URL that a charge point connects to (OCPP-J 1.6, 3.1.1)."""
        return f"{self.ocpp}/{quote(identity, safe='')}"


def _context(insecure: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
