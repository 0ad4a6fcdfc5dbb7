"""Forwarding headers: who is believed, and how far."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.config import Settings
from csms.trusted_proxies import LOCAL_NETWORKS, Forwarded, TrustedProxies, read_address

PROXY, CLIENT, FORGED = "10.0.0.1", "203.0.113.9", "198.51.100.7"


def proxies(*networks: str) -> TrustedProxies:
    return TrustedProxies(Settings(trust_proxy_headers=networks).trust_proxy_headers)


TRUSTED = proxies(PROXY, "10.0.1.0/24", "2001:db8:1::/48")


def read(peer: str = PROXY, **lines: list[str]) -> Forwarded | None:
    order = ("forwarded_for", "protos", "hosts", "prefixes")
    return TRUSTED.read(peer, *(lines.get(name, []) for name in order))


def client(*forwarded_for: str, peer: str = PROXY) -> str | None:
    said = read(peer, forwarded_for=list(forwarded_for))
    return None if said is None else said.address


@pytest.mark.parametrize("peer", [CLIENT, "10.0.2.1", "", "0.0.0.0", "/run/socket", "::1"])
def test_others_are_not_heard(peer: str) -> None:
    assert client(FORGED, peer=peer) is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], PROXY),
        ([CLIENT], CLIENT),
        ([f"{FORGED}, {CLIENT}"], CLIENT),
        ([FORGED, CLIENT], CLIENT),
        ([f"{FORGED},{CLIENT} , 10.0.1.7"], CLIENT),
        ([f"{FORGED}, {CLIENT}", "10.0.1.7", "10.0.1.8"], CLIENT),
        (["10.0.1.7, 10.0.1.8"], "10.0.1.7"),
        (["unknown"], PROXY),
        ([f"{FORGED}, unknown, 10.0.1.7"], "10.0.1.7"),
        ([f"{FORGED}, , 10.0.1.7"], "10.0.1.7"),
        ([f"{CLIENT}:4711"], CLIENT),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (["[2001:db8::1]"], "2001:db8::1"),
        (["2001:DB8::1"], "2001:db8::1"),
        ([f"::ffff:{CLIENT}"], CLIENT),
        ([f"{CLIENT}, 2001:db8:1::5"], CLIENT),
        (["fe80::1%eth0<script>"], PROXY),
        (["127.1"], PROXY),
        (["010.0.0.9"], PROXY),
        (['"203.0.113.9"'], PROXY),
        (["for=203.0.113.9"], PROXY),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(
    lines: list[str], expected: str
) -> None:
    assert client(*lines) == expected


def test_a_mapped_or_scoped_peer_is_known() -> None:
    assert client(CLIENT, peer=f"::ffff:{PROXY}") == CLIENT
    assert proxies("fe80::1").read("fe80::1%eth0", [CLIENT], [], [], []) is not None
    assert proxies("::ffff:10.0.0.0/104").read("10.0.0.5", [CLIENT], [], [], []) is not None


@pytest.mark.parametrize(
    ("forwarded_for", "protos", "scheme"),
    [
        (CLIENT, "https", "https"),
        (CLIENT, "WSS", "https"),
        (CLIENT, "https, http", "http"),
        (CLIENT, "gopher", None),
        (CLIENT, "", None),
        (f"{CLIENT}, 10.0.1.7", "https, http", "https"),
        (f"{CLIENT}, 10.0.1.7", "https, http, http", "http"),
        (f"{CLIENT}, 10.0.1.7", "https", "https"),
    ],
)
def test_the_scheme_is_what_the_proxy_saw_that_saw_the_client(
    forwarded_for: str, protos: str, scheme: str | None
) -> None:
    said = read(forwarded_for=[forwarded_for], protos=[protos])
    assert said is not None and said.scheme == scheme


@pytest.mark.parametrize(
    ("host", "read_as"),
    [
        ("csms.example.org", "csms.example.org"),
        ("csms.example.org:8443", "csms.example.org:8443"),
        ("[2001:db8::1]:443", "[2001:db8::1]:443"),
        ("evil.example, csms.example.org", "csms.example.org"),
        ("csms.example.org/evil", None),
        ("user@csms.example.org", None),
        ("<script>", None),
        ("", None),
    ],
)
def test_the_host(host: str, read_as: str | None) -> None:
    said = read(forwarded_for=[CLIENT], hosts=[host])
    assert said is not None and said.host == read_as


@pytest.mark.parametrize(
    ("prefix", "read_as"),
    [
        ("/csms", "/csms"),
        ("/my/csms", "/my/csms"),
        ("//evil.example", None),
        ("/a/../b", None),
        ("/.", None),
        ("csms", None),
        ("/csms/", None),
        ('/"><script>', None),
        ("/" + "a" * 201, None),
        ("", None),
    ],
)
def test_the_prefix(prefix: str, read_as: str | None) -> None:
    said = read(prefixes=[prefix])
    assert said is not None and said.prefix == read_as


@given(st.lists(st.text(max_size=40), max_size=30))
def test_what_a_client_writes_never_hides_it(written: list[str]) -> None:
    assert client(*written, CLIENT) == CLIENT


@given(st.text(max_size=60))
def test_an_address_is_one_or_none(text: str) -> None:
    address = read_address(text)
    assert address is None or read_address(str(address)) == address


@pytest.mark.parametrize("value", [True, "true", "TRUE", "1"])
def test_what_older_configurations_have_means_private_addresses(value: object) -> None:
    assert Settings(trust_proxy_headers=value).trust_proxy_headers == LOCAL_NETWORKS
    assert Settings(trust_proxy_headers="false").trust_proxy_headers == ()


@pytest.mark.parametrize(
    "value", ["proxy.example.org", "0.0.0.0/0", ["::/0"], ["::ffff:0:0/96"], "[", {"a": 1}, 7]
)
def test_what_is_no_list_of_proxies_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="trust_proxy_headers"):
        Settings(trust_proxy_headers=value)


def test_it_may_be_written_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("10.0.0.1, ::1", '["10.0.0.1", "::1"]'):
        monkeypatch.setenv("CSMS_TRUST_PROXY_HEADERS", text)
        assert [str(network) for network in Settings().trust_proxy_headers] == [
            "10.0.0.1/32",
            "::1/128",
        ]
