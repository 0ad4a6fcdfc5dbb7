"""Where csms listens, by its settings: what each address serves, and whether it speaks TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from csms.config import Settings

EVERY_ADDRESS = ("", "0.0.0.0", "::")


class Serves(StrEnum):
    """What is served at an address."""

    EVERYTHING = "charge points, admin pages and REST"
    CHARGE_POINTS = "charge points"
    ADMIN = "admin pages and REST"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class Listener:
    """An address to listen on."""

    serves: Serves
    host: str
    port: int
    tls: bool
    host_setting: str
    port_setting: str

    @property
    def serves_charge_points(self) -> bool:
        """Whether charge points connect here, and fetch files from here."""
        return self.serves in (Serves.EVERYTHING, Serves.CHARGE_POINTS)

    @property
    def serves_admin(self) -> bool:
        """Whether the admin pages and the REST interface are here."""
        return self.serves in (Serves.EVERYTHING, Serves.ADMIN)

    @property
    def is_loopback(self) -> bool:
        """Whether it can be reached from this machine alone."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def shown_host(self) -> str:
        """The host to show in a URL that works on this machine."""
        host = "127.0.0.1" if self.host in EVERY_ADDRESS else self.host
        return f"[{host}]" if ":" in host else host

    def url(self, scheme: str) -> str:
        """`http` or `ws` URL of its root that works on this machine; with an s where TLS is."""
        return f"{scheme}{'s' if self.tls else ''}://{self.shown_host}:{self.port}"


def listeners_of(settings: Settings) -> list[Listener]:
    """The addresses that a process with these settings listens on."""
    apart = settings.admin_port is not None
    first = Serves.CHARGE_POINTS if apart else Serves.EVERYTHING
    has_tls = settings.tls_cert is not None
    plain_beside_tls = settings.tls_port is not None
    found = [
        Listener(first, settings.host, settings.port, has_tls and not plain_beside_tls,
                 "host", "port")
    ]  # fmt: skip
    if settings.tls_port is not None:
        found.append(Listener(first, settings.host, settings.tls_port, True, "host", "tls_port"))
    if settings.admin_port is not None:
        has_admin_tls = settings.admin_tls and (has_tls or settings.admin_tls_cert is not None)
        host, setting = _own_host(settings.admin_host, "admin_host", settings)
        found.append(
            Listener(Serves.ADMIN, host, settings.admin_port, has_admin_tls, setting, "admin_port")
        )
    if settings.metrics_port is not None:
        host, setting = _own_host(settings.metrics_host, "metrics_host", settings)
        found.append(
            Listener(Serves.METRICS, host, settings.metrics_port, False, setting, "metrics_port")
        )
    return found


def _own_host(host: str | None, setting: str, settings: Settings) -> tuple[str, str]:
    return (settings.host, "host") if host is None else (host, setting)


def clash_of(settings: Settings) -> tuple[Listener, Listener] | None:
    """Two addresses that are the same, and so could not both be listened on; None without."""
    taken: list[tuple[Listener, range]] = []
    for listener in listeners_of(settings):
        ports = _ports(listener, settings.workers)
        for other, others in taken:
            if _overlap(listener.host, other.host) and set(ports) & set(others):
                return other, listener
        taken.append((listener, ports))
    return None


def _ports(listener: Listener, workers: int) -> range:
    if listener.port == 0:
        return range(0)
    # Each worker has a port of its own for its metrics.
    count = workers if listener.serves is Serves.METRICS else 1
    return range(listener.port, listener.port + count)


def _overlap(one: str, other: str) -> bool:
    return one == other or one in EVERY_ADDRESS or other in EVERY_ADDRESS


def first_that(listeners: list[Listener], *, admin: bool) -> Listener:
    """The address to name to people (`admin`) or to charge points: one with TLS, if there is."""
    fitting: Iterator[Listener] = (
        listener
        for listener in sorted(listeners, key=lambda listener: not listener.tls)
        if (listener.serves_admin if admin else listener.serves_charge_points)
    )
    return next(fitting)
