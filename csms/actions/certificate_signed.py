"""CertificateSigned (Security Whitepaper, 4.1)."""

from __future__ import annotations

from csms.actions.checks import certificate_error
from csms.actions.context import Deps, Outbound
from csms.domain.as_sent import status_in
from csms.domain.installed_certificate import CertificateUse, document
from csms.errors import FieldError
from csms.ocppj.frames import Payload


def check(payload: Payload) -> list[FieldError]:
    """Refuse a certificate that no parser could read."""
    return certificate_error(payload, "certificateChain")


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep what the charge point has now, or has refused."""
    pem, status = payload["certificateChain"], status_in(answer)
    await deps.certificates.put(
        document(charge_point_id, CertificateUse.CHARGE_POINT, pem, status, deps.clock())
    )


OUTBOUND = Outbound(
    "CertificateSigned", check=check, after=after, gives_credential=lambda payload: True
)
