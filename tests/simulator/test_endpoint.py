"""What one URL stands for."""

from __future__ import annotations

import ssl

import pytest

from csms.simulator.endpoint import Endpoint


@pytest.mark.parametrize(
    ("url", "ocpp", "admin"),
    [
        ("ws://host:9000", "ws://host:9000/ocpp/1.6", "http://host:9000/admin"),
        ("ws://host:9000/", "ws://host:9000/ocpp/1.6", "http://host:9000/admin"),
        ("http://host", "ws://host/ocpp/1.6", "http://host/admin"),
        ("wss://host/ocpp/1.6", "wss://host/ocpp/1.6", "https://host/admin"),
        ("https://host/ocpp/1.6/", "wss://host/ocpp/1.6", "https://host/admin"),
        ("ws://[::1]:9000", "ws://[::1]:9000/ocpp/1.6", "http://[::1]:9000/admin"),
        ("wss://host/csms", "wss://host/csms/ocpp/1.6", "https://host/csms/admin"),
    ],
)
def test_root_or_endpoint(url: str, ocpp: str, admin: str) -> None:
    endpoint = Endpoint(url)
    assert (endpoint.ocpp, endpoint.admin) == (ocpp, admin)
    assert (endpoint.tls is not None) == ocpp.startswith("wss")


def test_the_identity_is_percent_encoded() -> None:
    charge_point = Endpoint("ws://host").charge_point("สถานี 1/2")
    assert charge_point.endswith("/%E0%B8%AA%E0%B8%96%E0%B8%B2%E0%B8%99%E0%B8%B5%201%2F2")


@pytest.mark.parametrize("url", ["host:9000", "ftp://host", "ws://", "", "localhost"])
def test_what_is_no_address_says_what_to_write(url: str) -> None:
    with pytest.raises(ValueError, match="ws://HOST:PORT"):
        Endpoint(url)


def test_a_user_in_the_url_is_pointed_to_the_option() -> None:
    with pytest.raises(ValueError, match="--password"):
        Endpoint("ws://user:secret@host")


def test_certificates_are_checked_unless_told_not_to() -> None:
    strict, insecure = Endpoint("wss://host").tls, Endpoint("wss://host", insecure=True).tls
    assert strict is not None and insecure is not None
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (insecure.verify_mode, insecure.check_hostname) == (ssl.CERT_NONE, False)
