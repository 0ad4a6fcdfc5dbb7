"""The name and the role in the claims of a provider (OpenID Connect Core 1.0, 5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csms.domain.api_token import Role
from csms.domain.name_characters import objection
from csms.domain.text import nfc

MAX_NAME = 64
_NAMES = ("preferred_username", "email", "name", "sub")


def name_of(claims: Mapping[str, Any]) -> str:
    """The name to show, in the order of `_NAMES`.

    It is without characters that cannot be seen; one that looks like another is passed over.
    """
    for claim in _NAMES:
        value = claims.get(claim)
        if isinstance(value, str):
            name = "".join(c for c in nfc(value) if c.isprintable()).strip()[:MAX_NAME]
            if name and objection(name) is None:
                return name
    return "?"


def role_of(claims: Mapping[str, Any], claim: str, roles: Mapping[str, str]) -> Role | None:
    """The highest role that the values of a claim stand for; None if they stand for none.

    `claim` may lead into nested objects, as in `realm_access.roles`.
    """
    given = [Role(roles[value]) for value in _values(_find(claims, claim)) if value in roles]
    return max(given, key=list(Role).index, default=None)


def _find(claims: Mapping[str, Any], claim: str) -> Any:
    # A claim may be named by a URL: its dots lead nowhere.
    if claim in claims:
        return claims[claim]
    found: Any = claims
    for part in claim.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _values(found: Any) -> list[str]:
    if isinstance(found, str):
        return [found]
    if isinstance(found, list):
        return [value for value in found if isinstance(value, str)]
    return []
