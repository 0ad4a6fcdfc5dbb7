"""Reverse proxies whose forwarding headers are believed, and what the headers say of a request.

Of `X-Forwarded-For` the address counts that the nearest trusted proxy saw; if that is a trusted
proxy too, the one that it saw, and so on from right to left. What stands left of the first address
that is no trusted proxy was written by a client, and is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

LOCAL_NETWORKS: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
    )
)  # fmt: skip
"""Loopback and private addresses: what `true` means, which older configurations have."""

MAX_HOPS = 20
"""Proxies in a row. No installation has so many; a header may have thousands."""

MAX_PREFIX = 200
_SWITCHES = {"true": True, "1": True, "false": False, "0": False, "": False}
_WITH_PORT = re.compile(r"\[(?P<v6>[^\[\]]+)\](?::\d{1,5})?|(?P<v4>[0-9.]+):\d{1,5}")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)+")
_SCHEMES = {"https": "https", "wss": "https", "http": "http", "ws": "http"}
"""For a WebSocket, Traefik names its scheme."""


def read_proxies(value: object) -> object:
    """The networks that a setting names: a list, or a text with commas or JSON in it.

    Raises:
        ValueError: an entry is no address or network, or names all there are.
    """
    if isinstance(value, str):
        value = _SWITCHES.get(value.strip().lower(), value)
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.lstrip().startswith("[") else value.split(",")
        except ValueError:
            value = None
    if isinstance(value, bool):
        return LOCAL_NETWORKS if value else ()
    if not isinstance(value, list | tuple):
        raise ValueError('write a list of addresses or networks: ["127.0.0.1", "10.0.0.0/16"]')
    return tuple(_network(str(entry).strip()) for entry in value)


def _network(entry: str) -> Network:
    try:
        network = ip_network(entry, strict=False)
    except ValueError:
        raise ValueError(
            f'{entry!r} is no address or network; write "127.0.0.1" or "10.0.0.0/16"'
        ) from None
    if isinstance(network, IPv6Network) and (plain := network.network_address.ipv4_mapped):
        network = ip_network((plain, max(0, network.prefixlen - 96)), strict=False)
    if network.prefixlen == 0:
        raise ValueError(f"{entry} would trust everybody; list the proxies, or their network")
    return network


def read_address(text: str | None) -> Address | None:
    """An address with or without a port and brackets; None if it is none.

    An IPv4 address that is mapped into IPv6 is the IPv4 address.
    """
    text = (text or "").strip()
    if found := _WITH_PORT.fullmatch(text):
        text = found["v6"] or found["v4"]
    # A zone, as in fe80::1%eth0, may be any text, and says nothing to others.
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What trusted proxies say of a request; None where they say nothing."""

    address: str
    scheme: str | None = None
    host: str | None = None
    prefix: str | None = None


class TrustedProxies:
    """Reads forwarding headers, if they come from a proxy that is on the list."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)

    def trusts(self, address: Address | None) -> bool:
        """Whether an address is that of a trusted proxy."""
        return address is not None and any(address in network for network in self._networks)

    def read(
        self,
        peer: str,
        forwarded_for: Sequence[str],
        protos: Sequence[str],
        hosts: Sequence[str],
        prefixes: Sequence[str],
    ) -> Forwarded | None:
        """What the headers say, each given line by line; None if `peer` is no trusted proxy."""
        address = read_address(peer.partition("%")[0])
        if address is None or not self.trusts(address):
            return None
        hops = 0
        for entry in _from_right(forwarded_for):
            found = read_address(entry)
            if found is None:
                break
            address, hops = found, hops + 1
            if not self.trusts(found):
                break
        host, prefix = _at(hosts, hops), _at(prefixes, 1)
        return Forwarded(
            str(address),
            _SCHEMES.get(_at(protos, hops).lower()),
            host if _HOST.fullmatch(host) else None,
            prefix if len(prefix) <= MAX_PREFIX and _PREFIX.fullmatch(prefix) else None,
        )


def _from_right(lines: Sequence[str]) -> list[str]:
    """The entries of a list header, the last first."""
    entries = ",".join(lines).rsplit(",", MAX_HOPS) if lines else []
    # What was not split holds several, if it is there.
    return [entry.strip() for entry in reversed(entries[-MAX_HOPS:])]


def _at(lines: Sequence[str], hops: int) -> str:
    """The entry of the proxy that saw the client, `hops` from the right; the leftmost if fewer.

    Most proxies write one value over what was there, or pass it on.
    """
    entries = _from_right(lines)
    return entries[min(max(hops, 1), len(entries)) - 1] if entries else ""
