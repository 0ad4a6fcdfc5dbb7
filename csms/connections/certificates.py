"""What a client certificate proves of a charge point, and when it does so no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from csms.domain.charge_point import certified_names
from csms.domain.installed_certificate import EndReason, is_ended
from csms.domain.text import nfc


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """A client certificate that the TLS handshake has verified against one of our roots."""

    fingerprint: str
    """SHA-256 of its DER, hex."""
    names: frozenset[str] = frozenset()
    """The common names of its subject."""
    is_ours: bool = False
    """Whether our own authority has signed it."""
    known: tuple[Mapping[str, Any], ...] = ()
    """Its records in `certificates`, the oldest first."""


class Verdict(StrEnum):
    """Whether a certificate fits the record that it is shown for."""

    FITS = "fits"
    NAMES_DIFFER = "it names neither the serial number nor the identity on record"
    UNKNOWN = "our authority has signed it, but for nobody on record"
    ANOTHERS = "it was issued for another charge point"
    ENDED = "it was replaced, or ended by a change of the record"
    REVOKED = "it was revoked"

    @property
    def is_alarming(self) -> bool:
        """Whether nobody may come in with it without a password, not even where none is asked."""
        return self in (Verdict.ANOTHERS, Verdict.REVOKED)


def judge_certificate(record: Mapping[str, Any], shown: ShownCertificate) -> Verdict:
    """What a certificate says: ours goes by the record it was issued for, others by their names."""
    if any(one.get("endedBecause") == EndReason.REVOKED for one in shown.known):
        return Verdict.REVOKED
    own = record_of(record, shown)
    is_ours = shown.is_ours or any(one.get("issuedHere") for one in shown.known)
    if is_ours and (own is None or own is not shown.known[0]):
        return Verdict.ANOTHERS if shown.known else Verdict.UNKNOWN
    if own is not None and (is_ended(own, record) if is_ours else own.get("endedAt") is not None):
        return Verdict.ENDED
    if not is_ours and not names_fit(record, shown.names):
        return Verdict.NAMES_DIFFER
    return Verdict.FITS


def record_of(record: Mapping[str, Any], shown: ShownCertificate) -> Mapping[str, Any] | None:
    """The record in `certificates` by which a certificate belongs to a charge point."""
    return next((one for one in shown.known if one["chargePointId"] == record["_id"]), None)


def names_fit(record: Mapping[str, Any], names: frozenset[str]) -> bool:
    """Whether a common name is exactly the serial or the identity on record, in NFC."""
    own = {nfc(name) for name in certified_names(record)}
    return any(nfc(name) in own for name in names)
