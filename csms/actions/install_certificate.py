"""InstallCertificate (Security Whitepaper, 4.4)."""

from __future__ import annotations

from csms.actions.checks import certificate_error
from csms.actions.context import Deps, Outbound
from csms.domain.as_sent import status_in
from csms.domain.installed_certificate import CertificateStatus, document
from csms.errors import FieldError
from csms.ocppj.frames import Payload


def check(payload: Payload) -> list[FieldError]:
    """Refuse a certificate that no parser could read."""
    return certificate_error(payload, "certificate")


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep the certificate with what became of it."""
    answered = status_in(answer)
    status = CertificateStatus.INSTALLED if answered == "Accepted" else answered
    await deps.certificates.put(
        document(
            charge_point_id,
            payload["certificateType"],
            payload["certificate"],
            status,
            deps.clock(),
        )
    )


OUTBOUND = Outbound("InstallCertificate", check=check, after=after)
