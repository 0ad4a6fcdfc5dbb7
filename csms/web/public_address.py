"""How charge points reach this server: for the URLs that they are given."""

from __future__ import annotations

from urllib.parse import urlsplit

from tornado.httputil import HTTPServerRequest

from csms.listeners import first_that, listeners_of
from csms.web.forwarding import path_prefix
from csms.web.services import Services


def address_for_charge_points(services: Services, request: HTTPServerRequest) -> str:
    """`http(s)://HOST[:PORT][/PREFIX]`, by `request`, which came to the REST or a page.

    It came to where charge points connect too, unless the admin pages have a port of their own:
    then the host is taken from it, and the port of charge points from the settings.
    """
    settings = services.deps.settings
    if settings.admin_port is None:
        return f"{request.protocol}://{request.host}{path_prefix(request)}"
    listener = first_that(listeners_of(settings), admin=False)
    scheme, default = ("https", 443) if listener.tls else ("http", 80)
    host = urlsplit(f"//{request.host}").hostname or listener.shown_host
    if ":" in host:
        host = f"[{host}]"
    number = services.ports.get(listener.port_setting, listener.port)
    port = "" if number == default else f":{number}"
    return f"{scheme}://{host}{port}{settings.path_prefix}"


def address_of_files(services: Services, request: HTTPServerRequest) -> str:
    """The address that charge points fetch files from: `public_url`, if that is set."""
    public_url = services.deps.settings.public_url
    if public_url is not None:
        return public_url.rstrip("/")
    return address_for_charge_points(services, request)
