"""Certificates of charge points: their own, and the roots that they trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from csms.domain.certificate import (
    HashData,
    fingerprint,
    hash_data,
    read_certificate,
    same_certificate,
    summary,
)
from csms.domain.folded_keys import NAMED_BY, same_name

END_BEFORE = "certificatesEndBefore"
"""The field of a charge point's record: what csms had issued to it before that time has ended.

It is written with the change that ends them, so that nothing that fails later keeps them good.
"""


class CertificateUse(StrEnum):
    """What a certificate is for. The last two are OCPP's CertificateUseEnumType."""

    CHARGE_POINT = "ChargePointCertificate"
    CENTRAL_SYSTEM_ROOT = "CentralSystemRootCertificate"
    MANUFACTURER_ROOT = "ManufacturerRootCertificate"


class CertificateStatus(StrEnum):
    """Where it stands. `Sent`: there was no answer yet. `Reported`: listed, not from here."""

    SENT = "Sent"
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    FAILED = "Failed"
    INSTALLED = "Installed"
    REPORTED = "Reported"
    DELETED = "Deleted"


class EndReason(StrEnum):
    """Why a certificate is good no more before it expires."""

    REVOKED = "revoked"
    """By a person."""
    SUPERSEDED = "superseded"
    """The charge point has connected with a newer one."""
    KEY = "authorizationKey"
    """A new authorization key was set."""
    PROFILE = "securityProfile"
    """The security profile was raised."""
    NAME = "identity"
    """The identity or the serial number was changed."""
    DELETED = "deleted"
    """The charge point was deleted."""


class CertificateState(StrEnum):
    """Whether a charge point may connect with its certificate."""

    GOOD = "good"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    ENDED = "ended"
    """By a change of the record, or its deletion."""


class CertificateView(BaseModel):
    """A certificate as REST shows it."""

    id: str
    chargePointId: str
    use: str
    status: str
    subject: str | None = None
    issuer: str | None = None
    serialNumber: str | None = None
    notBefore: datetime | None = None
    notAfter: datetime | None = None
    fingerprint: str | None = None
    certificateHashData: HashData | None = Field(
        None, description="as the charge point lists it; this names it in DeleteCertificate"
    )
    state: CertificateState | None = Field(
        None, description="whether the charge point may connect with it; null for roots"
    )
    firstUsedAt: datetime | None = Field(None, description="when it first connected with it")
    endedAt: datetime | None = None
    endedBecause: EndReason | None = None
    createdAt: datetime
    updatedAt: datetime


def state_of(record: Mapping[str, Any], now: datetime) -> CertificateState | None:
    """The state of a charge point's certificate; None for a root, or what cannot be read."""
    if record.get("use") != CertificateUse.CHARGE_POINT or record.get("fingerprint") is None:
        return None
    if record.get("endedAt") is not None:
        because = record.get("endedBecause")
        if because == EndReason.REVOKED:
            return CertificateState.REVOKED
        return (
            CertificateState.SUPERSEDED
            if because == EndReason.SUPERSEDED
            else CertificateState.ENDED
        )
    return CertificateState.EXPIRED if record["notAfter"] <= now else CertificateState.GOOD


def reason_to_end(before: Mapping[str, Any], after: Mapping[str, Any]) -> EndReason | None:
    """Why a change of a charge point's record ends the certificates that it has; None if it not.

    They were given to who was known by what the record said before.
    """
    if any(before.get(name) and not same_name(before[name], after.get(name)) for name in NAMED_BY):
        return EndReason.NAME
    key = "authorizationKeyHash"
    if after.get(key) is not None and after[key] != before.get(key):
        return EndReason.KEY
    if (after.get("securityProfile") or 0) > (before.get("securityProfile") or 0):
        return EndReason.PROFILE
    return None


def is_ended(certificate: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Whether a certificate that csms has issued for a record is good no more."""
    before = record.get(END_BEFORE)
    is_older = before is not None and certificate["createdAt"] < before
    return is_older or certificate.get("endedAt") is not None


def document(
    charge_point_id: str, use: str, pem: str, status: str, now: datetime
) -> dict[str, Any]:
    """The record of a certificate that was sent to a charge point, whatever the PEM holds."""
    certificate = read_certificate(pem)
    known = summary(certificate) if certificate else {}
    name = fingerprint(certificate) if certificate else f"unreadable-{now.timestamp()}"
    hashes: list[HashData] = hash_data(certificate, certificate) if certificate else []
    is_root = use != CertificateUse.CHARGE_POINT
    return {
        "_id": f"{charge_point_id}|{use}|{name}",
        "chargePointId": charge_point_id,
        "use": use,
        "status": status,
        **known,
        "hashes": hashes if is_root else [],
        "certificateHashData": None,
        "createdAt": now,
        "updatedAt": now,
    }


def reported(
    charge_point_id: str, use: str, told: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """The record of a certificate that a charge point lists, and that did not come from here."""
    return {
        "_id": f"{charge_point_id}|{use}|{told['serialNumber']}|{told['issuerKeyHash']}",
        "chargePointId": charge_point_id,
        "use": use,
        "status": CertificateStatus.REPORTED,
        "serialNumber": told["serialNumber"],
        "hashes": [dict(told)],
        "certificateHashData": dict(told),
        "createdAt": now,
        "updatedAt": now,
    }


def match(
    records: Sequence[Mapping[str, Any]], told: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """The record of the certificate that a CertificateHashDataType names."""
    for record in records:
        if any(same_certificate(known, told) for known in record.get("hashes", ())):
            return record
    return None


def view(record: Mapping[str, Any], now: datetime) -> CertificateView:
    """A record as REST shows it."""
    shown = {"id": record["_id"], "state": state_of(record, now)}
    return CertificateView.model_validate({**record, **shown})
