"""Tokens of the admin REST and what their roles may do."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from enum import StrEnum


class Role(StrEnum):
    """`viewer` reads, `operator` changes the fleet and sends commands, `admin` gives tokens."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what `needed` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class Scope(StrEnum):
    """What a token may be limited to: to read, to operate (without reading), to administer."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


_ROLE_OF: Mapping[Scope, Role] = dict(zip(Scope, Role, strict=True))
_LIMITED = "limited:"


def scopes_of(role: Role) -> frozenset[Scope]:
    """All that a role may do."""
    return frozenset(scope for scope, needed in _ROLE_OF.items() if role.covers(needed))


def highest_role(scopes: Iterable[Scope]) -> Role:
    """The role that these scopes are part of."""
    return max((_ROLE_OF[scope] for scope in scopes), key=list(Role).index)


def scope_needed(role: Role) -> Scope:
    """The scope that stands for what needs this role."""
    return next(scope for scope, of_scope in _ROLE_OF.items() if of_scope is role)


def new_token() -> str:
    """A fresh token, 256 bits."""
    return f"csms_{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> str:
    """What is stored of a token. Tokens are random, so a plain digest gives nothing away."""
    return hashlib.sha256(token.encode()).hexdigest()


def digests(token: str) -> list[str]:
    """The digests by which a token may be on record."""
    digest = hash_token(token)
    return [digest, _LIMITED + digest]


def stored_digest(token: str, *, limited: bool) -> str:
    """The digest to store.

    A node of before there were limits does not know the prefix, and so refuses a limited token
    rather than taking it for an unlimited one.
    """
    return (_LIMITED if limited else "") + hash_token(token)
