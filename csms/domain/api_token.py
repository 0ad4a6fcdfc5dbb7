"""Tokens of the admin REST and what their roles may do."""

from __future__ import annotations

import hashlib
import secrets
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


def new_token() -> str:
    """A fresh token, 256 bits."""
    return f"csms_{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> str:
    """What is stored of a token. Tokens are random, so a plain digest gives nothing away."""
    return hashlib.sha256(token.encode()).hexdigest()
