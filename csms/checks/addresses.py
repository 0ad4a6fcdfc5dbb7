"""What can be reached from outside without TLS."""

from __future__ import annotations

from collections.abc import Iterator

from csms.checks.finding import Finding, Level
from csms.config import Settings
from csms.listeners import Listener, Serves, listeners_of

SUBJECT = "addresses"


def plain_http(settings: Settings) -> Iterator[Finding]:
    """Each address that others than this machine reach without TLS."""
    plain = [one for one in listeners_of(settings) if not one.tls and not one.is_loopback]
    for listener in plain:
        if listener.serves is Serves.METRICS:
            yield _metrics(listener)
        elif settings.trust_proxy_headers:
            yield _behind_proxy(listener, settings)
        else:
            yield _plain(listener, settings)
    if not plain:
        yield Finding(SUBJECT, "nothing is served outside of this machine without TLS")


def _plain(listener: Listener, settings: Settings) -> Finding:
    if settings.tls_port is not None and listener.port_setting == "port":
        remedy = "leave tls_port out: port then speaks TLS itself"
    elif listener.serves is Serves.ADMIN:
        remedy = "set admin_host = 127.0.0.1, or a certificate: admin_tls_cert and admin_tls_key"
    else:
        remedy = (
            "set tls_cert and tls_key; or have a proxy speak TLS: host = 127.0.0.1, or"
            " trust_proxy_headers with the proxy's address"
        )
    return Finding(
        SUBJECT,
        f"{listener.port_setting} {_where(listener)} serves {listener.serves} over plain HTTP:"
        " keys, tokens and passwords can be read on their way",
        Level.RISK,
        remedy,
    )


def _behind_proxy(listener: Listener, settings: Settings) -> Finding:
    # With tls_port, the host is that of both ports: only a firewall can tell them apart.
    is_apart = settings.tls_port is None or listener.port_setting != "port"
    if is_apart and all(proxy.is_loopback for proxy in settings.trust_proxy_headers):
        return Finding(
            SUBJECT,
            f"{listener.port_setting} {_where(listener)} is plain HTTP for others than the proxy"
            " too, which is on this machine",
            Level.RISK,
            f"set {listener.host_setting} = 127.0.0.1",
        )
    return Finding(
        SUBJECT,
        f"{listener.port_setting} {_where(listener)} is plain HTTP, for a proxy that speaks TLS",
        Level.NOTE,
        f"see that nobody but the proxy reaches port {listener.port}",
    )


def _metrics(listener: Listener) -> Finding:
    return Finding(
        SUBJECT,
        f"metrics_port {_where(listener)} shows the metrics over plain HTTP",
        Level.RISK,
        "set metrics_host = 127.0.0.1, or have Prometheus ask /metrics where TLS is",
    )


def public_url(settings: Settings) -> Iterator[Finding]:
    """Whether charge points fetch and upload files under TLS, and from the right address."""
    if settings.public_url is not None and settings.public_url.startswith("http://"):
        yield Finding(
            SUBJECT,
            "public_url is plain HTTP: firmware can be changed on its way, one-time URLs be read",
            Level.RISK,
            "set public_url to an https:// address",
        )
    if settings.public_url is None and settings.admin_port is not None:
        yield Finding(
            SUBJECT,
            "the host in one-time URLs for charge points is the one that REST was asked by",
            Level.NOTE,
            "set public_url to the address by which charge points reach this server",
        )


def _where(listener: Listener) -> str:
    return f"({listener.host or '*'}:{listener.port})"
