"""What a charge point can show of itself, and whether it is enough (Security Whitepaper, 2).

Profile 1 is HTTP Basic, 2 is HTTP Basic over TLS, 3 is TLS with a client certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from csms.actions.context import Deps
from csms.connections.certificates import (
    ShownCertificate,
    Verdict,
    judge_certificate,
    record_of,
)
from csms.connections.password_queue import PasswordQueue, Whence
from csms.domain.authorization_key import KeyVerifier
from csms.domain.charge_point import has_key
from csms.domain.installed_certificate import EndReason
from csms.domain.limiter import network_of
from csms.domain.proof import NOTHING_PROVEN, Proof
from csms.domain.secret_values import REMEMBERED_SECONDS
from csms.errors import DatabaseUnavailable

JUST_SET = timedelta(seconds=REMEMBERED_SECONDS)
"""So long a key is masked wherever it may be repeated."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request shows: a Basic password, TLS, and a verified certificate."""

    password: bytes | None = None
    is_tls: bool = False
    certificate: ShownCertificate | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where credentials come from, and whether who has sent them is gone."""

    address: str
    has_left: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Standing:
    """How far credentials carry a visitor."""

    proof: Proof = NOTHING_PROVEN
    is_refused: bool = False
    """Wrong or missing: the record asks for a password, and there was no other proof."""
    is_too_low: bool = False
    """Good, but the record asks for a higher profile."""
    certificate: Verdict | None = None
    """What the certificate said, if one was shown."""


class CredentialChecker:
    """Compares what is shown with what is on record."""

    def __init__(self, deps: Deps, verifier: KeyVerifier, passwords: PasswordQueue) -> None:
        self._deps = deps
        self._passwords = passwords
        self._verifier = verifier

    async def judge(
        self, record: Mapping[str, Any], shown: Credentials, source: Source
    ) -> Standing:
        """Say where a visitor stands; a key or profile that it was waiting for is taken over.

        Raises:
            DatabaseUnavailable: a new key could not be taken over.
            Busy: too many passwords are being checked.
        """
        certificate = shown.certificate
        verdict = None if certificate is None else judge_certificate(record, certificate)
        fitting = certificate if verdict is Verdict.FITS else None
        key = (
            None if shown.password is None else await self._fitting(record, shown, fitting, source)
        )
        reached = 3 if fitting else (2 if shown.is_tls else 1) if key else 0
        proof = Proof(shown.is_tls, reached, key, None if fitting is None else fitting.fingerprint)
        nothing_fits = key is None and fitting is None
        if nothing_fits and (has_key(record) or (verdict is not None and verdict.is_alarming)):
            return Standing(is_refused=True, certificate=verdict)
        if reached < (record.get("securityProfile") or 0):
            return Standing(proof, reached == 0, reached > 0, verdict)
        await self._take_over(record, reached, fitting)
        return Standing(proof, certificate=verdict)

    def is_known_good(self, record: Mapping[str, Any], shown: Credentials) -> bool:
        """Whether this very password was good before; costs nothing to find out."""
        stored = record.get("authorizationKeyHash")
        return bool(stored and shown.password and self._verifier.known_good(stored, shown.password))

    async def _fitting(
        self,
        record: Mapping[str, Any],
        shown: Credentials,
        certificate: ShownCertificate | None,
        source: Source,
    ) -> str | None:
        """The key on record that the password fits, which is the current one from then on."""
        password = shown.password or b""
        network = network_of(source.address)
        is_expected = network == network_of(record.get("remoteAddress") or "")
        whence = Whence(network, is_expected, source.has_left)
        current = record.get("authorizationKeyHash")
        coming = record.get("nextAuthorizationKeyHash")
        if coming and await self._verify(coming, password, whence):
            await self._end_older(record, EndReason.KEY, certificate)
            # Not if ops have set another key while this one was looked at.
            if not await self._deps.charge_points.take_over(
                record["_id"],
                {"nextAuthorizationKeyHash": coming},
                {"authorizationKeyHash": coming},
            ):
                return None
            if current:
                await self._deps.stored_keys.forget([{"authorizationKeyHash": current}])
            self._remember(record, password)
            return str(coming)
        if not current:
            return None
        is_new_here = not self._verifier.known_good(current, password)
        if not await self._verify(str(current), password, whence):
            return None
        if is_new_here and await self._was_just_set(current):
            self._remember(record, password)
        return str(current)

    async def _was_just_set(self, stored: str) -> bool:
        added_at = None
        with suppress(DatabaseUnavailable):
            added_at = await self._deps.stored_keys.added_at(stored)
        return added_at is not None and self._deps.clock() - added_at < JUST_SET

    def _remember(self, record: Mapping[str, Any], password: bytes) -> None:
        """Mask a key that was just set, for it may have been set on another node, or by import."""
        self._deps.secrets.remember(record["_id"], [password.decode("utf-8", "replace")])

    async def _take_over(
        self, record: Mapping[str, Any], reached: int, certificate: ShownCertificate | None
    ) -> None:
        """A profile that was set at the charge point holds once it has connected with it."""
        coming = record.get("nextSecurityProfile")
        if coming is not None and reached >= coming:
            if coming > (record.get("securityProfile") or 0):
                await self._end_older(record, EndReason.PROFILE, certificate)
            await self._deps.charge_points.take_over(
                record["_id"], {"nextSecurityProfile": coming}, {"securityProfile": coming}
            )
        own = None if certificate is None else record_of(record, certificate)
        if own is not None and own.get("firstUsedAt") is None:
            await self._deps.certificates.note_first_use(own, self._deps.clock())

    async def _end_older(
        self, record: Mapping[str, Any], because: EndReason, certificate: ShownCertificate | None
    ) -> None:
        """End what was issued before the certificate that is shown, or all if none is."""
        own = None if certificate is None else record_of(record, certificate)
        before = None if own is None else own["createdAt"]
        await self._deps.certificates.end(record["_id"], because, self._deps.clock(), before=before)

    async def _verify(self, stored: str, password: bytes, whence: Whence) -> bool:
        if self._verifier.known_good(stored, password):
            return True
        key_hash = await self._deps.stored_keys.hash_of(stored)
        return key_hash is not None and await self._passwords.run(
            whence, self._verifier.verify, key_hash, password, stored
        )
