"""InstallCertificate (Security Whitepaper, 4.4)."""

from __future__ import annotations

from csms.actions.context import Deps, Outbound
from csms.domain.installed_certificate import CertificateStatus, document
from csms.ocppj.frames import Payload


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep the certificate with what became of it."""
    told = str(answer.get("status"))
    status = CertificateStatus.INSTALLED if told == "Accepted" else told
    await deps.certificates.put(
        document(
            charge_point_id,
            payload["certificateType"],
            payload["certificate"],
            status,
            deps.clock(),
        )
    )


OUTBOUND = Outbound("InstallCertificate", after=after)
