"""Who tried to connect and was turned away, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from csms import db
from csms.actions.boot_notification import SERIAL_MISMATCH, SERIAL_MISSING
from csms.connections.admission import Reason
from csms.domain.charge_point import fold_serial
from csms.domain.identity_proof import lacks_serial
from csms.domain.onboarding import REMEDIES
from csms.domain.text import nfc
from csms.repositories.pages import find_listing
from csms.repositories.visitors import VisitorRecords, find_visitor_records
from csms.web.api.rejected_connections import RejectedConnectionQuery, filter_of
from csms.web.pages.base import PageHandler

REASONS = (*(str(reason) for reason in Reason), SERIAL_MISMATCH, SERIAL_MISSING)
MAX_ID = 64

MEANINGS: Mapping[str, str] = {
    Reason.NOT_WHITELISTED: (
        "Its identity is on no record, or the record says that it may not connect. If it is yours,"
        " whitelist it or allow it."
    ),
    SERIAL_MISMATCH: (
        "It reported another serial than the record has. Either the device was replaced: correct"
        " the serial; or another device uses this identity."
    ),
    SERIAL_MISSING: (
        "The charge point of this record has told its serial number before, and this one told none."
        " Another device may use the identity; or its firmware tells it no more: then let it boot"
        " without."
    ),
    Reason.CREDENTIALS_REQUIRED: (
        "Its record asks for neither key nor certificate, and csms is set to turn such away. Give"
        " it an authorization key or a client certificate."
    ),
    Reason.UNAUTHORIZED: (
        "Its password or certificate is missing or wrong. Enter the same key here and in the"
        " charge point."
    ),
    Reason.CERTIFICATE: (
        "Its client certificate was revoked, replaced by a newer one, ended by a change of the"
        " record, or issued for another charge point. If it is the right device, let it in with a"
        " password, and have it ask for a new certificate."
    ),
    Reason.PROFILE_TOO_LOW: (
        "It connects with less security than its record asks for. Set it to that security profile,"
        " or lower the record's."
    ),
    Reason.TOO_MANY_ATTEMPTS: (
        "It sent too many wrong passwords, or identities and serials on no record, in a minute."
        " Correct the password in the charge point; it is heard again a minute later."
    ),
    Reason.WAITS_FOR_CONFIRMATION: (
        "It reported the serial of a record that has no identity yet. Confirm that it is the one,"
        " and its next boot is accepted."
    ),
    Reason.ALREADY_CONNECTED: (
        "A charge point that answers is connected under this identity already. Give each device an"
        " identity of its own."
    ),
    Reason.SUBPROTOCOL: (
        "It does not offer OCPP 1.6 over WebSocket. Set it to OCPP 1.6 JSON; old firmware may"
        " need an update."
    ),
    Reason.MISSING_IDENTITY: (
        "Its URL ends without an identity. Add the identity to the end of the URL in the charge"
        " point."
    ),
    Reason.BAD_IDENTITY: (
        "The identity in its URL has a slash, a control character or one that might be taken for"
        " another in it, or is too long. Correct the URL in the charge point."
    ),
    Reason.WRONG_PATH: (
        "It asks for another path than /ocpp/1.6/ with its identity behind. Correct the URL in the"
        " charge point; for OCPP 1.5 or 2.0.1 there is nothing here."
    ),
    Reason.WRONG_PORT: (
        "It asks the address that is for the admin pages alone. Set the port in its URL to that of"
        " charge points."
    ),
    Reason.NO_UPGRADE: (
        "It does not ask for a WebSocket. Set it to OCPP 1.6 JSON, not SOAP; a proxy in between has"
        " to pass the headers Upgrade and Connection on."
    ),
    Reason.BAD_HOST: (
        "Its request has no Host header, or one that is no host name. Write the URL in the charge"
        " point without blanks, and with a host name or an address only."
    ),
    Reason.BAD_VERSION: (
        "It speaks another version of WebSocket than 13, the only one there is. Its firmware needs"
        " an update."
    ),
    Reason.BAD_KEY: (
        "Its request lacks the 16 random bytes that WebSocket asks for. Its firmware, or a proxy"
        " in between, is at fault."
    ),
    Reason.BROWSER: (
        "A browser asked for the WebSocket of a charge point: somebody tried it by hand, or a page"
        " of a stranger did. A charge point that is mistaken for one, because its User-Agent begins"
        " with Mozilla/, is let in with refuse_browsers = false."
    ),
    Reason.TOO_MANY_AT_ONCE: (
        "More came in a second than max_connects_per_second lets in. The answer said when to come"
        " again; there is nothing to do."
    ),
    Reason.TOO_MANY_CONNECTIONS: (
        "The server had no open files left for it. Raise LimitNOFILE or ulimit -Hn."
    ),
    Reason.STOPPING: (
        "The server was being stopped or restarted. The charge point comes again by itself."
    ),
    Reason.DATABASE_AWAY: (
        "MongoDB did not answer, so the charge point could not be let in. It comes again by itself."
    ),
    Reason.TLS_HANDSHAKE: (
        "No encrypted connection came about; behind the colon is OpenSSL's reason. With ALERT or"
        " EOF in it, the charge point refused this server's certificate: install its root there, or"
        " set its clock. HTTP_REQUEST: it came with ws or http instead of wss or https."
    ),
}
"""What each reason means, and what to do."""

CAME_WITHOUT_TLS = "Set its URL to wss: it came without TLS."
REFUSES_OUR_CERTIFICATE = (
    "Install this server's root certificate in the charge point, and see that its clock is right."
)

Remedy = Literal[
    "whitelist", "confirm", "allow", "correct", "permit", "rename", "similar", "listed", "none"
]


class ListQuery(RejectedConnectionQuery):
    """Which visitors."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class TurnedAwayPage(PageHandler):
    """All of them, the latest first."""

    async def get(self) -> None:
        """Show them, each with what can be done."""
        query = self.read_query(ListQuery)
        listing = await find_listing(
            self.services.database["rejected_connections"],
            filter_of(query),
            sort_field="lastSeen",
            order="desc",
            page=query.page,
        )
        records = await find_visitor_records(self.services.deps.charge_points, listing.items)
        self.show(
            "turned_away.html",
            query=query,
            listing=listing,
            reasons=REASONS,
            reason_of=reason_of,
            advice=advice,
            meanings=MEANINGS,
            visitors=[(one, *_remedy(one, records)) for one in listing.items],
            max_id=MAX_ID,
            looks_same=_looks_same,
        )


def reason_of(visitor: db.Document) -> tuple[str, str]:
    """Why a visitor was turned away, and OpenSSL's reason where it was a TLS handshake."""
    reason, _, tls_reason = visitor["reason"].partition(": ")
    return reason, tls_reason


def advice(visitor: db.Document) -> str | None:
    """What to do about a visitor where no click helps."""
    reason, tls_reason = reason_of(visitor)
    if reason != Reason.TLS_HANDSHAKE:
        return REMEDIES.get(reason)
    if tls_reason == "HTTP_REQUEST":
        return CAME_WITHOUT_TLS
    return REFUSES_OUR_CERTIFICATE if "ALERT" in tls_reason or "EOF" in tls_reason else None


def _remedy(visitor: db.Document, records: VisitorRecords) -> tuple[Remedy, db.Document | None]:
    """What can be done about a visitor, and the record with its identity or a similar one."""
    identity = visitor["chargePointIdentity"] or ""
    record = records.exact.get(identity)
    reported = visitor.get("reportedSerialNumber")
    waiting = records.waiting_for(visitor)
    if record is None and waiting and visitor["reason"] == Reason.WAITS_FOR_CONFIRMATION:
        return "confirm", waiting
    if record is None:
        return _remedy_of_unknown(visitor, records.similar.get(identity))
    if record.get("isWhitelisted") is False:
        return "allow", record
    if visitor["reason"] == SERIAL_MISMATCH and reported:
        same = fold_serial(record.get("serialNumber")) == fold_serial(reported)
        return ("listed" if same else "correct"), record
    if visitor["reason"] == SERIAL_MISSING:
        return ("permit" if lacks_serial(record, None, False) else "listed"), record
    is_mended = visitor["reason"] in (Reason.NOT_WHITELISTED, Reason.WAITS_FOR_CONFIRMATION)
    return ("listed" if is_mended else "none"), record


def _looks_same(visitor: db.Document, record: db.Document) -> bool:
    """Whether two identities differ in Unicode's normal form alone."""
    return nfc(visitor["chargePointIdentity"]) == nfc(record["chargePointIdentity"])


def _remedy_of_unknown(
    visitor: db.Document, similar: db.Document | None
) -> tuple[Remedy, db.Document | None]:
    if visitor["reason"] != Reason.NOT_WHITELISTED or not visitor["chargePointIdentity"]:
        return "none", None
    if similar is None:
        return "whitelist", None
    # One that is connected under its own identity is another device.
    return ("similar" if similar.get("ocppSessionId") else "rename"), similar
