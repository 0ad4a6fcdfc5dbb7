"""Which address serves what, by the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from csms.config import Settings
from csms.listeners import Serves, first_that, listeners_of

TLS = {"tls_cert": Path("cert.pem"), "tls_key": Path("key.pem")}


def shown(**settings: Any) -> list[tuple[str, str, bool]]:
    found = listeners_of(Settings(host="10.0.0.1", **settings))
    return [(listener.serves.name, f"{listener.host}:{listener.port}", listener.tls)
            for listener in found]  # fmt: skip


def test_one_address_serves_everything() -> None:
    assert shown() == [("EVERYTHING", "10.0.0.1:9000", False)]
    assert shown(**TLS) == [("EVERYTHING", "10.0.0.1:9000", True)]
    assert shown(**TLS, tls_port=9443) == [
        ("EVERYTHING", "10.0.0.1:9000", False),
        ("EVERYTHING", "10.0.0.1:9443", True),
    ]


def test_an_admin_port_takes_the_pages_from_all_others() -> None:
    assert shown(**TLS, tls_port=9443, admin_port=9001, metrics_port=9100) == [
        ("CHARGE_POINTS", "10.0.0.1:9000", False),
        ("CHARGE_POINTS", "10.0.0.1:9443", True),
        ("ADMIN", "10.0.0.1:9001", True),
        ("METRICS", "10.0.0.1:9100", False),
    ]


def test_each_has_a_host_and_a_certificate_of_its_own() -> None:
    own = {"admin_tls_cert": Path("a.pem"), "admin_tls_key": Path("b.pem")}
    assert shown(
        admin_port=9000, admin_host="127.0.0.1", metrics_port=9000, metrics_host="::1", **own
    ) == [
        ("CHARGE_POINTS", "10.0.0.1:9000", False),
        ("ADMIN", "127.0.0.1:9000", True),
        ("METRICS", "::1:9000", False),
    ]
    assert shown(**TLS, admin_port=9001, admin_tls=False)[-1] == ("ADMIN", "10.0.0.1:9001", False)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"admin_port": 9000}, "port and admin_port are the same"),
        ({"admin_port": 9001, "tls_port": 9001, **TLS}, "tls_port and admin_port are the same"),
        ({"metrics_port": 9000}, "port and metrics_port are the same"),
        ({"metrics_port": 9001, "admin_port": 9003, "workers": 3}, "admin_port and metrics_port"),
        ({"admin_port": 9000, "host": "10.0.0.1", "admin_host": "0.0.0.0"}, "are the same"),
        ({"admin_host": "127.0.0.1"}, "set admin_port too"),
        ({"admin_port": 9001, "admin_tls_cert": Path("cert.pem")}, "admin_tls_key go together"),
        ({"admin_port": 0, "workers": 2}, "not to 0"),
    ],
)
def test_what_cannot_be_is_named(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Settings(**settings)


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.8.8.8", True),
     ("0.0.0.0", False), ("::", False), ("", False), ("10.1.2.3", False), ("a.example", False)],
)  # fmt: skip
def test_loopback(host: str, is_loopback: bool) -> None:
    [listener] = listeners_of(Settings(host=host))
    assert listener.is_loopback is is_loopback


def test_the_address_named_is_one_with_tls() -> None:
    found = listeners_of(Settings(**TLS, tls_port=9443, admin_port=9001))  # type: ignore[arg-type]
    assert first_that(found, admin=False).url("ws") == "wss://127.0.0.1:9443"
    assert first_that(found, admin=True).url("http") == "https://127.0.0.1:9001"
    assert first_that(found, admin=True).serves is Serves.ADMIN
