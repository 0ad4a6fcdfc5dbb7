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
    createdAt: datetime
    updatedAt: datetime


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


def view(record: Mapping[str, Any]) -> CertificateView:
    """A record as REST shows it."""
    return CertificateView.model_validate({"id": record["_id"], **record})
