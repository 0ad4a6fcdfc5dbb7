"""What a connection has shown of itself, and whether that is enough for a certificate of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csms.domain.charge_point import KEY_FIELDS, fold_serial


@dataclass(frozen=True, slots=True)
class Proof:
    """What the request for a socket has proven (Security Whitepaper, 2)."""

    is_tls: bool = False
    """Whether it came over TLS, to this server or to a trusted proxy."""
    profile: int = 0
    """The highest security profile that it meets."""
    key: str | None = None
    """What the record has of the key that its password fitted: a reference, or a hash."""
    fingerprint: str | None = None
    """Of the client certificate that fitted the record."""

    def is_current(self, record: Mapping[str, Any]) -> bool:
        """Whether a credential was shown that the record still asks for.

        The socket of a certificate is closed when that ends.
        """
        if self.fingerprint is not None:
            return True
        return self.key is not None and self.key in (record.get(field) for field in KEY_FIELDS)


NOTHING_PROVEN = Proof()

NOT_OVER_TLS = "it is not connected over TLS; set it to security profile 2 first"
PROFILE_RAISED = "its record asks for a higher security profile since it has connected"
NO_CURRENT_KEY = "it has not connected with the authorization key that is on record now"
NOTHING_TO_KNOW_BY = "its record has neither an authorization key nor a serial number to know it by"
NO_BOOT_WITH_SERIAL = "it has not booted on this connection with the serial number on record"
OBJECTIONS = (NOT_OVER_TLS, PROFILE_RAISED, NO_CURRENT_KEY, NOTHING_TO_KNOW_BY, NO_BOOT_WITH_SERIAL)


def certificate_objection(
    record: Mapping[str, Any], proof: Proof, reported_serial: str | None
) -> str | None:
    """Why a connection is given no certificate; None if it may have one.

    `reported_serial` is that of a boot on this very connection. A certificate opens the record for
    a long time, so it is not given away for an identity alone, nor where others may read along.
    """
    if not proof.is_tls:
        return NOT_OVER_TLS
    if proof.profile < (record.get("securityProfile") or 0):
        return PROFILE_RAISED
    if proof.fingerprint is not None:
        return None
    if record.get("authorizationKeyHash") is not None:
        if proof.key == record["authorizationKeyHash"]:
            return None
        return NO_CURRENT_KEY
    if not record.get("serialNumber"):
        return NOTHING_TO_KNOW_BY
    if fold_serial(record["serialNumber"]) == fold_serial(reported_serial):
        return None
    return NO_BOOT_WITH_SERIAL
