"""Headers that every answer carries: they tell a browser what it must not do with it."""

from __future__ import annotations

from tornado.web import RequestHandler

FOR_DATA = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The content security policy of what is no page: nothing in it is run, loaded or framed."""

ONE_YEAR = 31_536_000

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\n\r\n"
"""What Tornado sends, past every handler, to a request that it cannot read."""

_NOSNIFF = "nosniff"


def set_security_headers(handler: RequestHandler, policy: str = FOR_DATA) -> None:
    """Set them; HSTS only where the client came by TLS, as the standard wants (RFC 6797, 7.2)."""
    handler.set_header("Content-Security-Policy", policy)
    handler.set_header("X-Content-Type-Options", _NOSNIFF)
    if handler.request.protocol == "https":
        handler.set_header("Strict-Transport-Security", f"max-age={ONE_YEAR}")


def clear_security_headers(handler: RequestHandler) -> None:
    """Take them away again: from the answer to an upgrade, which is nothing that a browser shows.

    Charge points have little room for headers.
    """
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "Strict-Transport-Security"):
        handler.clear_header(name)


def bad_request(is_tls: bool) -> bytes:
    """The answer to a request that cannot be read."""
    hsts = f"Strict-Transport-Security: max-age={ONE_YEAR}\r\n" if is_tls else ""
    return (
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n"
        f"Content-Security-Policy: {FOR_DATA}\r\nX-Content-Type-Options: {_NOSNIFF}\r\n"
        f"{hsts}\r\n"
    ).encode()
