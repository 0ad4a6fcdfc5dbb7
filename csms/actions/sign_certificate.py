"""SignCertificate (Security Whitepaper, 4.11): a charge point wants its certificate made anew."""

from __future__ import annotations

import asyncio

import structlog

from csms.actions.context import Context, Inbound
from csms.domain.certificate import read_request
from csms.domain.charge_point import certified_names
from csms.ocppj.frames import Payload

log = structlog.get_logger(__name__)


async def handle(context: Context, payload: Payload) -> Payload:
    """Take a request for the charge point's own name; the certificate follows the answer."""
    authority = context.deps.authority
    record = await context.deps.charge_points.get(context.charge_point_id)
    try:
        request = read_request(payload["csr"], certified_names(record))
    except ValueError as error:
        log.warning("certificate_refused", charge_point=record["_id"], reason=str(error))
        return {"status": "Rejected"}
    if authority is None:
        log.warning("no_certificate_authority", charge_point=record["_id"])
        return {"status": "Rejected"}

    async def send() -> None:
        days = context.deps.settings.certificate_days
        chain = await asyncio.to_thread(authority.sign, request, days)
        await context.peer.command("CertificateSigned", {"certificateChain": chain})

    context.peer.afterwards(send)
    return {"status": "Accepted"}


INBOUND = Inbound("SignCertificate", handle)
