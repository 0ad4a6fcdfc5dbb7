"""What a trusted reverse proxy says of a request, put in place of what the connection shows."""

from __future__ import annotations

from tornado.httputil import HTTPServerRequest, split_host_and_port

from csms.trusted_proxies import TrustedProxies, read_address

PREFIX_HEADER = "X-Forwarded-Prefix"


def apply_forwarded(request: HTTPServerRequest, proxies: TrustedProxies, own_prefix: str) -> None:
    """Set address, scheme, host and path prefix of a request, before anything is decided on it.

    The headers of a peer that is no trusted proxy are ignored, and so are others like `X-Real-IP`.
    """
    peer = request.remote_ip or ""
    headers = request.headers
    said = proxies.read(
        peer,
        headers.get_list("X-Forwarded-For"),
        headers.get_list("X-Forwarded-Proto"),
        headers.get_list("X-Forwarded-Host"),
        headers.get_list(PREFIX_HEADER),
    )
    request.path_prefix = own_prefix  # type: ignore[attr-defined]
    if said is None:
        address = read_address(peer)
        request.remote_ip = peer if address is None else str(address)
        return
    request.remote_ip = said.address
    if said.scheme is not None:
        request.protocol = said.scheme
    if said.host is not None:
        request.host = said.host
        request.host_name = split_host_and_port(said.host.lower())[0]
    if said.prefix is not None:
        request.path_prefix = said.prefix  # type: ignore[attr-defined]


def path_prefix(request: HTTPServerRequest) -> str:
    """The path under which the client sees this server."""
    return str(getattr(request, "path_prefix", ""))
