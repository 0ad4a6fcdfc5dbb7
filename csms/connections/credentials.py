"""What a charge point can show of itself, and whether it is enough (Security Whitepaper, 2).

Profile 1 is HTTP Basic, 2 is HTTP Basic over TLS, 3 is TLS with a client certificate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csms.actions.context import Deps
from csms.domain.authorization_key import KeyVerifier
from csms.domain.charge_point import certified_names, fold_serial
from csms.passwords import PasswordPool


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request shows: a Basic password, TLS, and the names in a verified certificate."""

    password: bytes | None = None
    is_tls: bool = False
    certificate_names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """How far credentials carry a visitor. `profile` is the highest security profile they meet."""

    profile: int
    is_refused: bool = False
    """Wrong or missing: the record asks for a password, and there was no other proof."""
    is_too_low: bool = False
    """Good, but the record asks for a higher profile."""


class CredentialChecker:
    """Compares what is shown with what is on record."""

    def __init__(self, deps: Deps, verifier: KeyVerifier, passwords: PasswordPool) -> None:
        self._deps = deps
        self._passwords = passwords
        self._verifier = verifier

    async def judge(self, record: Mapping[str, Any], shown: Credentials) -> Standing:
        """Say where a visitor stands; a key or profile that it was waiting for is taken over.

        Raises:
            DatabaseUnavailable: a new key could not be taken over.
            Busy: too many passwords are being checked.
        """
        has_key = bool(record.get("authorizationKeyHash") or record.get("nextAuthorizationKeyHash"))
        by_certificate = names_fit(record, shown.certificate_names)
        by_password = shown.password is not None and await self._fits(record, shown.password)
        reached = 3 if by_certificate else (2 if shown.is_tls else 1) if by_password else 0
        if has_key and not by_password and not by_certificate:
            return Standing(0, is_refused=True)
        if reached < (record.get("securityProfile") or 0):
            return Standing(reached, is_refused=reached == 0, is_too_low=reached > 0)
        await self._take_over(record, reached)
        return Standing(reached)

    def is_known_good(self, record: Mapping[str, Any], shown: Credentials) -> bool:
        """Whether this very password was good before; costs nothing to find out."""
        stored = record.get("authorizationKeyHash")
        return bool(stored and shown.password and self._verifier.known_good(stored, shown.password))

    async def _fits(self, record: Mapping[str, Any], password: bytes) -> bool:
        current = record.get("authorizationKeyHash")
        coming = record.get("nextAuthorizationKeyHash")
        if coming and await self._verify(coming, password):
            await self._deps.charge_points.set_fields(
                record["_id"],
                {"authorizationKeyHash": coming, "nextAuthorizationKeyHash": None},
            )
            return True
        return bool(current) and await self._verify(str(current), password)

    async def _take_over(self, record: Mapping[str, Any], reached: int) -> None:
        """A profile that was set at the charge point holds once it has connected with it."""
        coming = record.get("nextSecurityProfile")
        if coming is not None and reached >= coming:
            await self._deps.charge_points.set_fields(
                record["_id"], {"securityProfile": coming, "nextSecurityProfile": None}
            )

    async def _verify(self, stored_hash: str, password: bytes) -> bool:
        if self._verifier.known_good(stored_hash, password):
            return True
        return await self._passwords.run(self._verifier.verify, stored_hash, password)


def names_fit(record: Mapping[str, Any], names: frozenset[str]) -> bool:
    """Whether a certificate's common name is the charge point's serial or identity on record."""
    own = {fold_serial(name) for name in certified_names(record)}
    return any(fold_serial(name) in own for name in names)
