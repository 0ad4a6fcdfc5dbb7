"""What the request for a socket says of who sent it (OCPP-J 1.6, 3.1; RFC 9112, 3.2)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

from csms.connections.certificates import ShownCertificate
from csms.domain.charge_point import MAX_IDENTITY
from csms.domain.job import mask_location, token_of
from csms.domain.text import nfc

ENDPOINT = "/ocpp/1.6"

_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SCHEME_AND_HOST = re.compile(r"(?:https?|wss?)://[^/?#]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks for a socket."""

    target: str
    """The request target as it was sent."""
    path: str
    """Its path, without the server's prefix and without doubled slashes."""
    subprotocols: tuple[str, ...]
    authorization: str | None
    remote_address: str
    is_tls: bool = False
    certificate: ShownCertificate | None = None
    """The client certificate, if there was one."""
    has_left: Callable[[], bool] = lambda: False
    """Whether the connection was closed meanwhile."""

    @property
    def names_endpoint(self) -> bool:
        """Whether the path is that of the OCPP endpoint, with an identity or without."""
        return self.path == ENDPOINT or self.path.startswith(ENDPOINT + "/")

    @property
    def sent_absolute_target(self) -> bool:
        """Whether the request target is a whole URL."""
        return _SCHEME_AND_HOST.match(self.target) is not None

    @property
    def sent_doubled_slash(self) -> bool:
        """Whether two slashes stand together in the path."""
        return "//" in path_of(self.target)

    @property
    def sent_trailing_slash(self) -> bool:
        """Whether the path ends in a slash."""
        return self.path.endswith("/")

    @property
    def shown_path(self) -> str:
        """The path for records: decoded, and without the token of a one-time URL of ours."""
        return mask_location(unquote(self.path))

    @property
    def likely_identity(self) -> str | None:
        """The last part of the path, whatever the path is, if it can be an identity."""
        if token_of(unquote(self.path)) is not None:
            return None
        try:
            return _decoded(self.path.strip("/").rpartition("/")[2])
        except ValueError:
            return None


def path_of(target: str) -> str:
    """The path of a request target in origin or absolute form, without its query."""
    return _SCHEME_AND_HOST.sub("", target, count=1).partition("?")[0] or "/"


def without_doubled_slashes(path: str) -> str:
    """A path with one slash where there are several together."""
    return re.sub("/{2,}", "/", path)


def read_identity(path: str) -> str | None:
    """The identity in the path, percent-decoded once, in NFC; None when there is none.

    A slash at the end is forgiven: many charge points add one to the URL they are given.

    Raises:
        ValueError: it is not UTF-8, too long, or has a slash or a control character in it.
    """
    return _decoded(path.removeprefix(ENDPOINT).strip("/"))


def _decoded(part: str) -> str | None:
    identity = nfc(unquote_to_bytes(part).decode("utf-8"))
    if "/" in identity or _CONTROL_CHARACTER.search(identity):
        raise ValueError("slash or control character")
    if len(identity) > MAX_IDENTITY:
        raise ValueError("too long")
    return identity or None


def read_password(authorization: str | None, identity: str) -> bytes | None:
    """The Basic password of a request whose user name is its identity; None without such."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.casefold() != "basic":
        return None
    try:
        user_and_password = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    # The identity may itself contain a colon: the password is behind one more than it has.
    colons = identity.count(":") + 1
    *user, password = user_and_password.split(b":", colons)
    if len(user) != colons or nfc(b":".join(user).decode("utf-8", "replace")) != identity:
        return None
    return password
