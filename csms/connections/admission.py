"""Who is let in: the checks before and after the WebSocket upgrade, in their fixed order.

1. an identity in the path          4. credentials, when the record has any
2. the sub-protocol ocpp1.6         5. nobody else alive under this identity
3. a whitelisted record             6. or a record that waits for this serial
(7. the BootNotification is judged in `actions/boot_notification.py`)
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from csms import db
from csms.actions.boot_notification import NOT_WHITELISTED, TOO_MANY_ATTEMPTS
from csms.actions.context import Deps
from csms.actions.identity_alarms import claimed_twice, flag_of, shown
from csms.connections.attempts import FailedAttempts
from csms.connections.bus import Bus
from csms.connections.certificates import Verdict
from csms.connections.connection import CREDENTIALS_REQUIRED, REPLACED, Connection
from csms.connections.credentials import CredentialChecker, Credentials, Source, Standing
from csms.connections.overlaps import Overlaps
from csms.connections.password_queue import PasswordQueue
from csms.connections.registry import Registry
from csms.connections.standstill import Standstills
from csms.connections.visitor import Visitor, read_identity, read_password
from csms.connections.waiting_room import RETRY_AFTER, WaitingRoom
from csms.domain.alarm import Alarm, AlarmKind
from csms.domain.authorization_key import KeyVerifier
from csms.domain.hold import Claim, Hold
from csms.domain.identity_proof import (
    REPLACED_SESSIONS,
    Evidence,
    go_back_and_forth,
    replaced_sessions,
    requires_credentials,
)
from csms.domain.limiter import network_of
from csms.domain.name_characters import objection
from csms.domain.proof import Proof
from csms.domain.protocol_trouble import closed
from csms.domain.text import nfc
from csms.errors import Busy, DatabaseUnavailable, Duplicate, NotFound
from csms.ocppj.quirks import (
    ABSOLUTE_TARGET,
    DOUBLED_SLASH,
    IDENTITY_CASE,
    MISSING_SUBPROTOCOL,
    TRAILING_SLASH,
)
from csms.passwords import CHARGE_POINTS_AT_ONCE, PasswordPool
from csms.repositories.charge_points import kept_of
from csms.repositories.rejected_connections import Rejection

log = structlog.get_logger(__name__)

SUBPROTOCOL = "ocpp1.6"
CLAIM_ATTEMPTS = 5
ENDED_AT = "certificatesEndedAt"

STALE_NEWCOMERS = 2.0
"""Seconds after this node stood still in which a newcomer may be one that came before."""


class Reason(StrEnum):
    """Why a connection is turned away; the text is the close reason and the record."""

    WRONG_PATH = "Wrong path"
    WRONG_PORT = "Port of the admin pages"
    NO_UPGRADE = "Missing WebSocket upgrade headers"
    BAD_HOST = "Missing or invalid Host header"
    BAD_VERSION = "Unsupported WebSocket version"
    BAD_KEY = "Missing or invalid Sec-WebSocket-Key"
    BROWSER = "Opened by a browser"
    MISSING_IDENTITY = "Missing chargePointIdentity"
    BAD_IDENTITY = "Invalid chargePointIdentity"
    SUBPROTOCOL = "Unsupported sub-protocol"
    NOT_WHITELISTED = NOT_WHITELISTED
    UNAUTHORIZED = "Unauthorized"
    CREDENTIALS_REQUIRED = CREDENTIALS_REQUIRED
    CERTIFICATE = "Certificate not valid"
    PROFILE_TOO_LOW = "Security profile too low"
    TOO_MANY_ATTEMPTS = TOO_MANY_ATTEMPTS
    WAITS_FOR_CONFIRMATION = "Waits for confirmation"
    """Its serial is that of a record without identity: an operator says whether it is the one."""
    ALREADY_CONNECTED = "Already connected"
    TOO_MANY_AT_ONCE = "Too many at once"
    TOO_MANY_CONNECTIONS = "Too many connections"
    STOPPING = "The central system is stopping"
    DATABASE_AWAY = "The database is away"
    TLS_HANDSHAKE = "TLS handshake failed"
    """In the record with OpenSSL's reason behind it: `TLS handshake failed: NO_SHARED_CIPHER`."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Turned away: with an HTTP status before the upgrade, or by closing after it."""

    reason: Reason
    http_status: int | None
    identity: str | None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """Let in as far as a request can tell. Without a record it has to boot with a known serial."""

    identity: str
    record: db.Document | None
    proof: Proof
    credentials: Credentials
    quirks: tuple[str, ...] = ()


def _quirks_of(visitor: Visitor, identity: str, record: db.Document | None) -> tuple[str, ...]:
    """What is tolerated of a visitor that gets in."""
    found = {
        ABSOLUTE_TARGET: visitor.sent_absolute_target,
        DOUBLED_SLASH: visitor.sent_doubled_slash,
        TRAILING_SLASH: visitor.sent_trailing_slash,
        MISSING_SUBPROTOCOL: not visitor.subprotocols,
        IDENTITY_CASE: record is not None and nfc(record["chargePointIdentity"]) != identity,
    }
    return tuple(quirk.name for quirk, is_there in found.items() if is_there)


class Admission:
    """Decides who gets a connection on this node."""

    def __init__(
        self,
        deps: Deps,
        registry: Registry,
        verifier: KeyVerifier,
        bus: Bus,
        standstills: Standstills,
        passwords: PasswordPool,
    ) -> None:
        self._deps = deps
        self._registry = registry
        self._bus = bus
        self._standstills = standstills
        self._checker = CredentialChecker(
            deps, verifier, PasswordQueue(passwords, CHARGE_POINTS_AT_ONCE)
        )
        self._attempts = FailedAttempts(deps.limiter, deps.settings.max_failed_attempts)
        self._overlaps = Overlaps(deps)
        self.waiting = WaitingRoom()

    async def judge(self, visitor: Visitor) -> Admitted | Refused:
        """Steps 1 to 4, and whether 6 applies. Nothing is written.

        Raises:
            DatabaseUnavailable: it can be neither let in now nor turned away for good.
        """
        try:
            identity = read_identity(visitor.path)
        except ValueError:
            return Refused(Reason.BAD_IDENTITY, 400, None)
        if identity is None:
            return Refused(Reason.MISSING_IDENTITY, None, None)
        needless = visitor.sent_trailing_slash or visitor.sent_doubled_slash
        if needless and not self._deps.settings.allow_trailing_slash:
            return Refused(Reason.BAD_IDENTITY, 400, None)
        if not self._speaks_ocpp16(visitor):
            return Refused(Reason.SUBPROTOCOL, 400, identity)
        shown = Credentials(
            read_password(visitor.authorization, identity),
            visitor.is_tls,
            visitor.certificate,
        )
        record, shown = await self._look_up(identity, shown)
        quirks = _quirks_of(visitor, identity, record)
        if record is None:
            refused = await self._refuse_unknown(visitor.remote_address, identity)
            return refused or Admitted(identity, None, Proof(shown.is_tls), shown, quirks)
        standing = await self._check(
            Source(visitor.remote_address, visitor.has_left), identity, record, shown
        )
        if isinstance(standing, Refused):
            return standing
        # From here on it goes by the identity on record, in whatever case it came.
        identity = str(record["chargePointIdentity"])
        return Admitted(identity, record, standing.proof, shown, quirks)

    async def _refuse_unknown(self, address: str, identity: str) -> Refused | None:
        """Whether an identity on no record is turned away, and not heard until its boot."""
        if wait := self._attempts.unknown_must_wait(address):
            return Refused(Reason.TOO_MANY_ATTEMPTS, 429, identity, wait)
        if await self._deps.charge_points.serial_only_exist():
            # It may become a record's identity.
            if objection(identity) is not None:
                return Refused(Reason.BAD_IDENTITY, 400, identity)
            if wait := self._attempts.serial_must_wait(address):
                return Refused(Reason.TOO_MANY_ATTEMPTS, 429, identity, wait)
            if self.waiting.is_full(address):
                return Refused(Reason.TOO_MANY_AT_ONCE, 503, identity, RETRY_AFTER)
            return None
        self._attempts.was_unknown(address)
        http = 404 if self._deps.settings.reject_with == "http" else None
        return Refused(Reason.NOT_WHITELISTED, http, identity)

    async def _check(
        self, source: Source, identity: str, record: db.Document, shown: Credentials
    ) -> Standing | Refused:
        """Step 4, without trying the passwords of who guesses."""
        address = source.address
        # By the record: it may be meant by its serial, or by its identity in any case.
        wait = self._attempts.must_wait(address, record["_id"])
        if wait and not self._checker.is_known_good(record, shown):
            self._note_guessing(address, identity, record)
            return Refused(Reason.TOO_MANY_ATTEMPTS, 429, identity, wait)
        try:
            with self._attempts.under_way(
                address, record["_id"], counts=shown.password is not None
            ):
                standing = await self._checker.judge(record, shown, source)
        except Busy as busy:
            return Refused(Reason.TOO_MANY_AT_ONCE, 503, identity, busy.retry_after)
        if standing.is_refused:
            if shown.password is not None:
                self._attempts.failed(address, record["_id"])
            ended = standing.certificate not in (None, Verdict.NAMES_DIFFER)
            return Refused(Reason.CERTIFICATE if ended else Reason.UNAUTHORIZED, 401, identity)
        if standing.is_too_low:
            return Refused(Reason.PROFILE_TOO_LOW, 401, identity)
        if self._lacks_credentials(record, standing):
            return Refused(Reason.CREDENTIALS_REQUIRED, 401, identity)
        return standing

    def _lacks_credentials(self, record: db.Document, standing: Standing) -> bool:
        """Whether nothing was shown though it is asked for: the record is bare."""
        by_default = self._deps.settings.require_credentials
        return standing.proof.profile == 0 and requires_credentials(record, by_default)

    async def _look_up(
        self, identity: str, shown: Credentials
    ) -> tuple[db.Document | None, Credentials]:
        """The record, and what is known of the certificate that is shown, looked up beside it."""
        if shown.certificate is None:
            return await self._find(identity), shown
        record, known = await asyncio.gather(
            self._find(identity),
            self._deps.certificates.with_fingerprint(shown.certificate.fingerprint),
        )
        return record, replace(shown, certificate=replace(shown.certificate, known=known))

    async def _find(self, identity: str) -> db.Document | None:
        record = await self._deps.charge_points.find_by_identity(identity)
        if record is None and self._deps.settings.ignore_identity_case:
            return await self._deps.charge_points.find_by_identity_in_any_case(identity)
        return record

    def _note_guessing(self, address: str, identity: str, record: db.Document) -> None:
        facts = (("address", address), ("identity", identity))
        alarm = Alarm(AlarmKind.SIGN_IN_GUESSING, network_of(address), record["_id"], facts)
        self._deps.alarms.note(alarm)

    def was_unknown(self, connection: Connection) -> None:
        """Count a visitor that was turned away because it is on no record."""
        self._attempts.was_unknown(connection.remote_address)

    async def record_refusal(self, refused: Refused, visitor: Visitor) -> None:
        """Count a refusal; if the database is away, only the log has it."""
        if refused.retry_after is not None:
            # Of these there may be floods.
            self._count(refused.reason)
            self._note(Rejection(refused.identity, visitor.remote_address, refused.reason.value))
            return
        self._count(refused.reason)
        log.warning(
            "turned_away",
            identity=refused.identity,
            reason=refused.reason.value,
            remote=visitor.remote_address,
        )
        path = visitor.shown_path if refused.reason == Reason.WRONG_PATH else None
        rejection = Rejection(refused.identity, visitor.remote_address, refused.reason, path=path)
        try:
            await self._deps.rejected_connections.record(rejection, self._deps.clock())
        except DatabaseUnavailable:
            log.error("rejection_not_recorded", identity=refused.identity)

    def note_refusal(self, reason: Reason, remote_address: str) -> None:
        """Count a visitor that was sent away unheard, as happens to many at once; stored behind."""
        self._count(reason)
        self._note(Rejection(None, remote_address, reason.value))

    def note_failed_handshake(self, tls_reason: str, remote_address: str) -> None:
        """Count a TLS handshake that failed, by OpenSSL's reason; stored behind."""
        self._count(Reason.TLS_HANDSHAKE)
        self._deps.metrics.handshake_failed(tls_reason)
        self._note(Rejection(None, remote_address, f"{Reason.TLS_HANDSHAKE}: {tls_reason}"))

    def _count(self, reason: Reason) -> None:
        self._deps.metrics.turned_away(reason)

    def _note(self, rejection: Rejection) -> None:
        self._deps.rejected_connections.note(rejection, self._deps.clock())

    async def admit(self, connection: Connection, record: db.Document) -> bool:
        """Step 5, then claim the record. False when the newcomer was turned away instead.

        Raises:
            DatabaseUnavailable: the record could not be claimed.
        """
        identity = connection.identity
        async with self._registry.lock(identity):
            holder = self._registry.with_identity(identity)
            if holder is not None and not await self._replace(holder, connection):
                self._note_overlap(
                    connection, record["_id"], holder.session_id, holder.remote_address
                )
                await self._refuse(connection, Reason.ALREADY_CONNECTED)
                return False
            if connection.closed:
                return False
            return await self._claim(connection, record)

    async def bind(self, connection: Connection, serial: str | None) -> str | None:
        """Step 6: give the record that waits for this serial the connection's identity.

        Returns why that is not done, None if it is.
        """
        if self._attempts.serial_must_wait(connection.remote_address):
            return Reason.TOO_MANY_ATTEMPTS.value
        reason = await self._bind(connection, serial)
        if reason is None:
            self.waiting.leave(connection)
        elif reason is not Reason.WAITS_FOR_CONFIRMATION:
            self._attempts.serial_failed(connection.remote_address)
        return None if reason is None else reason.value

    async def _bind(self, connection: Connection, serial: str | None) -> Reason | None:
        record = serial and await self._deps.charge_points.find_by_serial_only(serial)
        if not record:
            return Reason.NOT_WHITELISTED
        identity = connection.identity
        source = Source(connection.remote_address, lambda: connection.closed)
        standing = await self._check(source, identity, record, connection.credentials)
        if isinstance(standing, Refused):
            return standing.reason
        if self._deps.settings.confirm_serial_binding:
            return Reason.WAITS_FOR_CONFIRMATION
        connection.proof = standing.proof
        async with self._registry.lock(identity):
            try:
                bound = await self._deps.charge_points.bind_identity(
                    record["_id"], identity, self._deps.clock()
                )
            except Duplicate as duplicate:
                connection.log.warning("not_bound", charge_point=record["_id"], why=str(duplicate))
                return Reason.NOT_WHITELISTED
            is_in = bound and await self._claim(connection, record)
            return None if is_in else Reason.NOT_WHITELISTED

    async def _replace(self, holder: Connection, newcomer: Connection) -> bool:
        """Whether the newcomer may have the place; if so the holder is on its way out."""
        if holder.closed:
            return True
        if not newcomer.authenticated:
            timeout = self._deps.settings.replace_ping_timeout
            if await holder.is_alive(timeout):
                return False
        holder.log.info("replaced", by=newcomer.session_id[:8])
        newcomer.replaced_address = holder.remote_address
        if holder.is_known:
            # With its claim the newcomer stores what is known of the session before.
            now = self._deps.clock()
            ending = {"closedByCsmsAt": now, "closedByCsmsReason": REPLACED}
            self._deps.held.note_end(holder.hold, ending)
            self._deps.note_trouble(holder.hold, closed(REPLACED))
        holder.lose()
        return True

    async def _claim(self, connection: Connection, record: db.Document) -> bool:
        # In the registry before the claim: whoever un-whitelists after it finds the socket there,
        # whoever did before is seen in the record that the claim returns.
        claim = Claim(
            Hold(record["_id"], connection.session_id),
            self._deps.settings.node_id,
            connection.remote_address,
            SUBPROTOCOL,
        )
        connection.claim = claim
        connection.stored = self._deps.bounds.of(record)
        self._registry.seat(connection)
        before = await self._take(connection, claim, record)
        if isinstance(before, Reason):
            await self._refuse(connection, before)
            return False
        self._note_replaced(connection, before)
        connection.stored.claim = claim
        connection.record_before = kept_of(before)
        connection.accepted = before.get("registrationStatus") == "Accepted"
        connection.answers_pings = before.get("answersPings") is True
        connection.heartbeat_interval = (
            before.get("heartbeatIntervalSec") or self._deps.settings.heartbeat_interval
        )
        if connection.authenticated:
            if flag := flag_of(before, is_shown=True):
                await self._deps.held.set_flag(connection.hold, *flag)
            shown(self._deps, before)
        connection.log.info("connected", charge_point=record["_id"], remote=claim.remote_address)
        return True

    async def _take(
        self, connection: Connection, claim: Claim, record: db.Document
    ) -> db.Document | Reason:
        """Take the record from the session that has it, unless that is alive on another node.

        Nodes that want it at the same time look again, and one of them gets it.
        """
        charge_points, identity = self._deps.charge_points, connection.identity
        for _ in range(CLAIM_ATTEMPTS):
            if not self._may_replace(connection) and await self._is_alive_elsewhere(record):
                if not connection.authenticated:
                    holder = str(record["ocppSessionId"]), record.get("remoteAddress")
                    self._note_overlap(connection, record["_id"], *holder)
                return Reason.ALREADY_CONNECTED
            now, session = self._deps.clock(), record.get("ocppSessionId")
            # Who ends a certificate looks for its socket here, which is known from now on; who has
            # ended it before has changed this field.
            ended = {ENDED_AT: record.get(ENDED_AT)} if connection.proof.fingerprint else None
            if await self._deps.held.claim(claim, identity, session, now, ended):
                return record
            try:
                record = await charge_points.get(record["_id"])
            except NotFound:
                return Reason.NOT_WHITELISTED
            if (
                record.get("isWhitelisted") is False
                or record.get("chargePointIdentity") != identity
            ):
                return Reason.NOT_WHITELISTED
            if ended is not None and record.get(ENDED_AT) != ended[ENDED_AT]:
                return Reason.CERTIFICATE
        return Reason.ALREADY_CONNECTED

    def _note_overlap(
        self, newcomer: Connection, charge_point_id: str, session_id: str, address: str | None
    ) -> None:
        """Note that a newcomer was refused because the session at this address is alive."""
        if not newcomer.closed and not self._is_stale(newcomer):
            self._overlaps.refused(newcomer, charge_point_id, session_id, address)

    def _note_replaced(self, connection: Connection, before: db.Document) -> None:
        """Note that a session was replaced, and raise the alarm if two do so to each other."""
        if before.get("ocppSessionId") is not None:
            connection.replaced_address = before.get("remoteAddress")
        address = connection.replaced_address
        if address is None or address == connection.remote_address:
            return
        now = self._deps.clock()
        sessions = replaced_sessions(before, address, connection.remote_address, now)
        self._deps.held.note(connection.hold, {REPLACED_SESSIONS: sessions})
        if go_back_and_forth(sessions):
            addresses = address, connection.remote_address
            claimed_twice(self._deps, before["_id"], Evidence.BACK_AND_FORTH, addresses)

    def _may_replace(self, connection: Connection) -> bool:
        """Whether a newcomer takes the place of a live session on another node."""
        return connection.authenticated and not self._is_stale(connection)

    def _is_stale(self, newcomer: Connection) -> bool:
        """Whether it came while this node stood still.

        It may have waited in vain and be on another node by now.
        """
        return newcomer.last_heard - self._standstills.last_at < STALE_NEWCOMERS

    async def _is_alive_elsewhere(self, record: db.Document) -> bool:
        if record.get("nodeId") in (None, self._deps.settings.node_id):
            return False
        return await self._bus.is_alive(record)

    async def _refuse(self, connection: Connection, reason: Reason) -> None:
        await connection.reject(Rejection(connection.identity, connection.remote_address, reason))

    def _speaks_ocpp16(self, visitor: Visitor) -> bool:
        if not visitor.subprotocols:
            return self._deps.settings.allow_missing_subprotocol
        return SUBPROTOCOL in visitor.subprotocols
