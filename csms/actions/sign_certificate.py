"""SignCertificate (Security Whitepaper, 4.11): a charge point wants its certificate made anew."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from cryptography import x509

from csms.actions.context import Context, Inbound
from csms.certificates.authority import CertificateAuthority
from csms.domain.alarm import Alarm, AlarmKind
from csms.domain.certificate import certified_subject, read_request
from csms.domain.charge_point import entered_names
from csms.domain.installed_certificate import (
    CertificateStatus,
    CertificateUse,
    EndReason,
    document,
    reason_to_end,
)
from csms.domain.limiter import Limit
from csms.domain.proof import certificate_objection
from csms.errors import NotFound, SessionLost
from csms.ocppj.frames import Payload
from csms.repositories.held_records import CERTIFICATE_REQUESTS_WITHIN

log = structlog.get_logger(__name__)

NO_AUTHORITY = "there is no certificate authority here; csms ca init makes one"
TOO_OFTEN = "it has asked more often within a day than max_certificate_requests allows"
ENDED = "the certificate that it is connected with is good no more"
UNPROVEN = Limit("unprovenRequests", 0, CERTIFICATE_REQUESTS_WITHIN.total_seconds())


async def handle(context: Context, payload: Payload) -> Payload:
    """Take a request for a name that ops entered; the certificate follows the answer."""
    deps, authority = context.deps, context.deps.authority
    record = await deps.charge_points.get(context.charge_point_id)
    if record.get("ocppSessionId") != context.peer.session_id:
        raise SessionLost
    reason = await _objection(context, record)
    if authority is None or reason is not None:
        return await _refuse(context, reason or NO_AUTHORITY)
    try:
        request = read_request(payload["csr"], entered_names(record))
    except ValueError as error:
        return await _refuse(context, str(error))
    if record.get("certificateRefusedAt") is not None:
        fields = {"certificateRefusedAt": None, "certificateRefusedReason": None}
        deps.held.note(context.hold, fields)
        deps.alarms.close(AlarmKind.CERTIFICATE_REQUESTS, record["_id"])
    context.peer.afterwards(lambda: _send(context, authority, record, request))
    return {"status": "Accepted"}


async def _objection(context: Context, record: Mapping[str, Any]) -> str | None:
    deps = context.deps
    objection = await _lacking_proof(context, record)
    if objection is not None:
        # Apart: who only plays the charge point must not use up what that may ask for.
        count = deps.limiter.count(UNPROVEN, record["_id"]).count
    else:
        count = await deps.held.count_certificate_request(context.hold, context.received_at)
    if count > deps.settings.max_certificate_requests:
        facts = (("requests", str(count)), ("remoteAddress", context.peer.remote_address))
        alarm = Alarm(AlarmKind.CERTIFICATE_REQUESTS, record["_id"], record["_id"], facts)
        deps.alarms.note(alarm)
        return objection or TOO_OFTEN
    return objection


async def _lacking_proof(context: Context, record: Mapping[str, Any]) -> str | None:
    """Why this connection gets no certificate, however seldom it asks; None if it may have one."""
    if await _has_ended(context):
        return ENDED
    proof = context.peer.proof
    record = await context.deps.stored_keys.as_shown(record, proof.key)
    return certificate_objection(record, proof, context.peer.reported_serial)


async def _has_ended(context: Context) -> bool:
    """Whether the certificate of this connection was taken back a moment ago."""
    fingerprint = context.peer.proof.fingerprint
    if fingerprint is None:
        return False
    known = await context.deps.certificates.with_fingerprint(fingerprint)
    return any(one.get("endedAt") is not None for one in known)


async def _refuse(context: Context, reason: str) -> Payload:
    log.warning("certificate_refused", charge_point=context.charge_point_id, reason=reason)
    fields = {
        "certificateRefusedAt": context.received_at,
        "certificateRefusedReason": reason,
    }
    context.deps.held.note(context.hold, fields)
    return {"status": "Rejected"}


async def _send(
    context: Context,
    authority: CertificateAuthority,
    record: Mapping[str, Any],
    request: x509.CertificateSigningRequest,
) -> None:
    """Sign, and send what was signed. It is on record before anybody can use it."""
    deps, charge_point_id = context.deps, context.charge_point_id
    subject = certified_subject(request, entered_names(record))
    days = deps.settings.certificate_days
    chain = await asyncio.to_thread(authority.sign, request, days, subject)
    use, now = CertificateUse.CHARGE_POINT, deps.clock()
    certificate = document(charge_point_id, use, chain, CertificateStatus.SENT, now)
    await deps.certificates.issue(certificate)
    # Who changes the record ends what is stored by then; who has changed it before is seen here.
    if because := await _changed(context, record):
        await deps.certificates.end(charge_point_id, because, deps.clock())
        log.warning("certificate_not_sent", charge_point=charge_point_id, because=because.value)
        return
    await context.peer.command("CertificateSigned", {"certificateChain": chain})


async def _changed(context: Context, before: Mapping[str, Any]) -> EndReason | None:
    try:
        after = await context.deps.charge_points.get(context.charge_point_id)
    except NotFound:
        return EndReason.DELETED
    return reason_to_end(before, after)


INBOUND = Inbound("SignCertificate", handle)
