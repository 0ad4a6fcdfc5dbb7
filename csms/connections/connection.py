"""One live socket of a charge point, from the upgrade to the close.

The reader (`receive`) is synchronous: answers to our own Calls are resolved in it at once, while
Calls of the charge point go to its `Inbox`. So a Call of ours, sent through its `Outbox`, may
cross one of theirs, and a slow database never keeps an answer or a pong from being read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

import structlog

from csms import db
from csms.actions.boot_notification import NOT_WHITELISTED
from csms.actions.context import Deps, Inbound, MeterState
from csms.connections.backlog import Share
from csms.connections.credentials import Credentials
from csms.connections.inbox import Inbox
from csms.connections.message_log import MessageLog
from csms.connections.outbox import Outbox
from csms.connections.standstill import Standstills
from csms.connections.unreadable import REFUSED, UnreadableMessages
from csms.domain.as_sent import bounded
from csms.domain.charge_point import is_expected_serial
from csms.domain.hold import Claim, Hold
from csms.domain.proof import NOTHING_PROVEN
from csms.errors import DatabaseUnavailable
from csms.ocppj.frames import (
    CALL_RESULT,
    KEEP_ALIVE_TEXT,
    Call,
    Head,
    KeepAlive,
    Message,
    Payload,
)
from csms.ocppj.session import Answered, Ignored, Refused, Session, Unreadable
from csms.ocppj.websocket import BAD_TEXT, NOT_UTF8, BadText
from csms.repositories.rejected_connections import Rejection

log = structlog.get_logger(__name__)


class Ask(Protocol):
    """Sends a command, recorded as one of `requested_by`, and returns the answer's payload.

    A question is sent after the commands that wait, and may be given up for one.
    """

    def __call__(
        self,
        charge_point_id: str,
        action: str,
        payload: Payload,
        requested_by: str,
        *,
        is_question: bool = False,
    ) -> Awaitable[Payload]:
        """Raises the errors of `CommandRouter.execute`."""


OURSELVES = "csms"
CREDENTIALS_REQUIRED = "Credentials required"
GOING_AWAY = 1001
POLICY_VIOLATION = 1008

# Why csms closes a socket of its own accord: close reasons, and kept in the record.
SILENT = "Silent"
SLOW_READER = "Does not read"
UNREADABLE = "Too many unreadable messages"
UNFINISHED = "Message not finished"
NO_ROOM = "Too much is waiting"
REPLACED = "Replaced by a new connection"
CERTIFICATE_ENDED = "Certificate not valid any more"


class Transport(Protocol):
    """The socket under a connection."""

    def send(self, text: bytes) -> None:
        """Send a text; a socket that is closed swallows it."""

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake."""

    def fail(self, code: int, reason: str) -> None:
        """Start it because the peer broke the WebSocket protocol (RFC 6455, 7.1.7)."""

    def abort(self, reason: str) -> None:
        """Close without one."""

    def ping(self) -> None:
        """Send a WebSocket ping."""

    def is_closing(self) -> bool:
        """Whether it is closed, or either side has begun to close it: nothing is sent then."""

    @property
    def is_paused(self) -> bool:
        """Whether the peer is read no further for now, so that it cannot be heard."""

    @property
    def share(self) -> Share:
        """Counts what waits of this connection."""

    @property
    def closed_for(self) -> str | None:
        """Why this side closed the socket; None if it did not, or the peer was first."""


@dataclass(frozen=True, slots=True)
class Node:
    """What the connections of this node share."""

    deps: Deps
    inbound: Mapping[str, Inbound]
    messages: MessageLog
    on_bind: Callable[[Connection, str | None], Awaitable[str | None]]
    on_accepted: Callable[[Connection], None]
    on_unbooted: Callable[[Connection], None]
    """A Call was refused because the charge point has not booted."""
    on_work: Callable[[Connection, Callable[[], Awaitable[None]]], None]
    ask: Ask
    regain: Callable[[Connection], Awaitable[bool]]
    """Whether a connection holds its record, perhaps again; it is lost if not."""
    standstills: Standstills


class Connection:
    """What is known of a socket's charge point, and the two directions of its conversation.

    To actions it is the `Peer` (csms.actions.context).
    """

    __slots__ = (
        "identity", "remote_address", "session_id", "connected_at", "node", "transport",
        "session", "meters", "stored",
        "claim", "record_before", "accepted", "is_turned_away", "proof", "credentials",
        "reported_serial", "configured_serial", "replaced_address",
        "quirks", "closed", "last_heard", "pinged_at", "has_ponged", "answers_pings",
        "is_noted_silent_to_pings", "heartbeat_interval", "_inbox", "_outbox", "_signs",
        "_unreadable", "_has_kept_alive", "_after_reply", "_gone", "_stops", "is_lost",
        "__weakref__",
    )  # fmt: skip

    def __init__(
        self, transport: Transport, node: Node, *, identity: str, remote_address: str
    ) -> None:
        self.identity = identity
        self.remote_address = remote_address
        self.session_id = uuid4().hex
        self.connected_at = node.deps.clock()
        self.node = node
        self.transport = transport
        self.session = Session()
        self.meters = MeterState()
        self.stored = node.deps.bounds.visitors
        self.claim: Claim | None = None
        self.record_before: db.Document | None = None
        self.accepted = False
        self.is_turned_away = False
        """Whether the socket is about to be closed because the charge point may not be here."""
        self.proof = NOTHING_PROVEN
        self.credentials = Credentials()
        self.reported_serial: str | None = None
        """The serial of the last boot on this connection that was accepted."""
        self.configured_serial: str | None = None
        """The serial that its configuration tells, as far as it was asked on this connection."""
        self.replaced_address: str | None = None
        self.quirks: tuple[str, ...] = ()
        """Tolerated deviations of the connection itself, counted with its first Call."""
        self.closed = False
        self.last_heard = time.monotonic()
        self.pinged_at: float | None = None
        """When it was pinged last, if that is not answered yet."""
        self.has_ponged = False
        self.answers_pings = False
        """Whether a ping was ever answered, on this connection or on one before."""
        self.is_noted_silent_to_pings = False
        self.heartbeat_interval: float = node.deps.settings.heartbeat_interval
        """As last read from its record, seconds."""
        self._inbox = Inbox(self)
        # Most connections are idle most of the time: what they may need is made when they do.
        self._outbox: Outbox | None = None
        self._signs: list[asyncio.Future[None]] | None = None
        self._unreadable: UnreadableMessages | None = None
        self._has_kept_alive = False
        self._after_reply: list[Callable[[], Awaitable[None] | None]] | None = None
        self._gone: asyncio.Event | None = None
        self._stops = node.standstills.count
        """`Standstills.count` when it was last known to hold its record."""
        self.is_lost = False
        """Whether another session of its charge point has taken its place."""

    @property
    def authenticated(self) -> bool:
        """Whether it has shown a password or a certificate that fits."""
        return self.proof.profile > 0

    @property
    def log(self) -> Any:
        """The log, bound to this connection."""
        return log.bind(identity=self.identity, session=self.session_id[:8])

    # What actions see of it

    @property
    def is_known(self) -> bool:
        """Whether it has a record."""
        return self.claim is not None

    @property
    def charge_point_id(self) -> str:
        """The id of its record; only to be asked when `is_known`."""
        assert self.claim is not None, "a charge point without a record was served"
        return self.claim.charge_point_id

    @property
    def hold(self) -> Hold:
        """Its hold on its record; only to be asked when `is_known`."""
        assert self.claim is not None, "a charge point without a record was served"
        return self.claim.hold

    @property
    def previous_address(self) -> str | None:
        """Where its charge point was connected from before."""
        return (self.record_before or {}).get("remoteAddress")

    def has_shown_identity(self, record: Mapping[str, Any]) -> bool:
        """Whether it has shown a credential or the serial on record, on this very connection.

        Not with a key that has been replaced since: others may know that one.
        """
        serials = (self.reported_serial, self.configured_serial)
        return self.proof.is_current(record) or any(
            is_expected_serial(record, one) for one in serials
        )

    async def bind(self, serial: str | None) -> str | None:
        """Try to get a record by its serial; why not, if that fails."""
        return await self.node.on_bind(self, serial)

    def accept(self) -> None:
        """Serve its Calls from now on; its connectors are asked for after the reply."""
        self.accepted = True
        self._when_replied(lambda: self.node.on_accepted(self))

    @property
    def lacks_boot(self) -> bool:
        """Whether all that is missing is a BootNotification: the record is known already."""
        return self.is_known and not self.accepted and not self.is_turned_away

    def needs_boot(self) -> None:
        """Note that a Call was refused for want of a BootNotification."""
        if self.lacks_boot:
            self.node.on_unbooted(self)

    def turn_away(self, reason: str, reported_serial: str | None) -> None:
        """Record the rejection and close with 1008 after the reply."""
        self.accepted = False
        self.is_turned_away = True
        rejection = Rejection(self.identity, self.remote_address, reason, reported_serial)
        self._when_replied(lambda: self.reject(rejection))

    def afterwards(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` once the reply is out, beside the Calls that follow."""
        self._when_replied(lambda: self.node.on_work(self, work))

    async def command(self, action: str, payload: Payload) -> Payload:
        """Send a command of the central system's own, and return the charge point's answer."""
        return await self.node.ask(self.charge_point_id, action, payload, OURSELVES)

    def _when_replied(self, callback: Callable[[], Awaitable[None] | None]) -> None:
        if self._after_reply is None:
            self._after_reply = []
        self._after_reply.append(callback)

    async def run_after_reply(self) -> None:
        """Do what was to be done when the reply is out."""
        callbacks, self._after_reply = self._after_reply, None
        for callback in callbacks or ():
            result = callback()
            if result is not None:
                await result

    @property
    def waits_for_reply(self) -> bool:
        """Whether something is to be done when the reply is out."""
        return self._after_reply is not None

    # Reading

    def receive(self, message: Message) -> Awaitable[None] | None:
        """Take one message; what is returned, if anything, is to be awaited before the next.

        That happens when the charge point has more Calls waiting than the queue holds.
        """
        self.heard()
        standstills = self.node.standstills
        standstills.beat(self.last_heard)
        if standstills.count != self._stops:
            self._look_before_serving(standstills.count)
        event = self.session.receive(message)
        if isinstance(event, Call):
            size = len(message.data) if isinstance(message, BadText) else len(message)
            return self._inbox.put(event, size)
        if isinstance(event, Answered):
            self._answered(event, message)
        elif isinstance(event, KeepAlive):
            self._kept_alive()
        elif isinstance(event, Refused):
            self._bad_frame(REFUSED, message, event.head, event.reason)
            self.transport.send(event.reply)
        elif isinstance(event, Unreadable):
            self._bad_frame("unreadable", message, event.head, event.reason)
            if isinstance(message, BadText):
                self.transport.fail(BAD_TEXT, NOT_UTF8)
            elif event.hopeless:
                self.close(POLICY_VIOLATION, UNREADABLE)
        elif isinstance(event, Ignored):
            self.node.deps.metrics.bad_frames.labels("ignored").inc()
        return None

    def _look_before_serving(self, stops: int) -> None:
        """See that the record is still held, after this process stood still, then serve Calls."""
        self._stops = stops
        if self.is_known and not self.is_lost:
            self._inbox.hold_back()
            self.node.on_work(self, self._serve_if_held)

    async def _serve_if_held(self) -> None:
        try:
            await self.regain()
        finally:
            self._inbox.go_on()

    async def regain(self) -> bool:
        """Whether its record is held, perhaps again; closes the socket if it is not.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        return not self.is_lost and await self.node.regain(self)

    def _answered(self, event: Answered, message: Message) -> None:
        answer = event.answer
        if event.unreadable:
            head = Head(CALL_RESULT, answer.unique_id, event.action)
            self._bad_frame("answer", message, head, event.unreadable)
        elif answer.quirks:
            self._note_quirks(answer.quirks)
        if self._outbox is not None:
            self._outbox.answered(answer)

    def _kept_alive(self) -> None:
        # Before the boot it cannot be counted; then the next one is.
        if self.accepted and self.is_known:
            self._note_quirks(() if self._has_kept_alive else (KEEP_ALIVE_TEXT,))
            self._has_kept_alive = True

    def _note_quirks(self, quirks: Sequence[str]) -> None:
        """Count the quirks of a message that is no Call; those of Calls are counted as served."""
        deps = self.node.deps
        for quirk in quirks:
            deps.metrics.quirks.labels(quirk).inc()
        if self.accepted and self.is_known:
            deps.held.note_sign_of_life(self.hold, deps.clock(), quirks)

    def heard(self) -> None:
        """Note a sign of life."""
        self.last_heard = time.monotonic()
        if self._signs is not None:
            for sign in self._signs:
                if not sign.done():
                    sign.set_result(None)

    def ping(self) -> None:
        """Ask for a pong."""
        self.pinged_at = time.monotonic()
        self.transport.ping()

    def ponged(self) -> None:
        """Note a pong; the first one that answers a ping is remembered in the record."""
        self.heard()
        if self.pinged_at is None:
            return
        self.pinged_at = None
        self.has_ponged = True
        if not self.answers_pings and self.is_known:
            self.answers_pings = True
            self.node.deps.held.note(self.hold, {"answersPings": True})

    async def is_alive(self, within: float) -> bool:
        """Ping, and say whether anything came back within so many seconds."""
        if self.closed:
            return False
        sign = asyncio.get_running_loop().create_future()
        self._signs = [*(self._signs or ()), sign]
        try:
            self.ping()
            async with asyncio.timeout(within):
                await sign
            return not self.closed
        except TimeoutError:
            return False
        finally:
            self._signs = [other for other in self._signs or () if other is not sign] or None

    def _bad_frame(self, kind: str, message: Message, head: Head | None, reason: str) -> None:
        if self._unreadable is None:
            self._unreadable = UnreadableMessages(self)
        self._unreadable.note(kind, message, head, reason)

    # Calls to the charge point

    async def call(
        self,
        action: str,
        payload: Payload,
        on_sent: Callable[[], Awaitable[None]] | None = None,
        *,
        is_question: bool = False,
    ) -> Payload:
        """Send a Call when it is its turn, and return the CallResult's payload.

        `on_sent` runs while the answer is awaited. A question of csms' own is sent after the
        commands that wait, and may be given up for one.

        Raises:
            ChargePointOffline: the socket was closed before it could be sent.
            CommandTimeout: no answer within `call_timeout` or before the close, or no turn.
            CallErrorReceived: the charge point answered with a CallError.
        """
        if self._outbox is None:
            self._outbox = Outbox(self)
        return await self._outbox.call(action, payload, on_sent, is_question=is_question)

    async def inquire(self, action: str, payload: Payload) -> Payload:
        """Send a question of csms' own; see `call`. What was just handed out is masked in the
        answer, which becomes part of a record."""
        answer = await self.call(action, payload, is_question=True)
        secrets = self.node.deps.secrets.of(self.charge_point_id) if self.is_known else None
        return answer if secrets is None else dict(secrets.masked(bounded(answer)))

    # Closing

    def close(self, code: int, reason: str) -> None:
        """Close the socket; nothing more is sent on it."""
        self.transport.close(code, reason)

    def lose(self) -> None:
        """Close because another session of the charge point has the record now.

        What is still unread of this one is dropped: the charge point sends it again over there.
        """
        if self.is_lost:
            return
        self.is_lost = True
        self._after_reply = None
        self._inbox.drop()
        if self._outbox is not None:
            self._outbox.was_closed()
        self.close(GOING_AWAY, REPLACED)

    def drop(self, reason: str) -> None:
        """Close the socket without a handshake: the peer does not listen."""
        self.transport.abort(reason)

    def forget_whitelisting(self) -> None:
        """Close because the record that let it in no longer does."""
        self._expel("no_longer_whitelisted", NOT_WHITELISTED)

    def forget_certificate(self) -> None:
        """Close because the certificate that let it in is good no more."""
        self._expel("certificate_ended", CERTIFICATE_ENDED)

    def _expel(self, event: str, reason: str) -> None:
        self.accepted = False
        self.is_turned_away = True
        self.log.info(event)
        self.close(POLICY_VIOLATION, reason)

    def require_credentials(self) -> None:
        """Close because its record asks for a credential now, and it has shown none."""
        self._expel("credentials_required_now", CREDENTIALS_REQUIRED)

    async def reject(self, rejection: Rejection) -> None:
        """Record why this connection is turned away, and close it with 1008."""
        self.is_turned_away = True
        deps = self.node.deps
        deps.metrics.turned_away(rejection.reason)
        self.log.warning("turned_away", reason=rejection.reason, remote=self.remote_address)
        try:
            if self.claim is not None and self.record_before is not None:
                await deps.held.withdraw(self.claim, self.record_before)
            await deps.rejected_connections.record(rejection, deps.clock())
        except DatabaseUnavailable:
            self.log.error("rejection_not_recorded", reason=rejection.reason)
        self.close(POLICY_VIOLATION, rejection.reason)

    def was_closed(self) -> None:
        """End our Call that is out. Calls that were read are still worked off."""
        self.closed = True
        self._inbox.was_closed()
        if self._gone is not None:
            self._gone.set()
        if self._outbox is not None:
            self._outbox.was_closed()
        self.heard()

    async def until_closed(self) -> None:
        """Return when the socket is closed."""
        if not self.closed:
            self._gone = self._gone or asyncio.Event()
            await self._gone.wait()

    async def settled(self) -> None:
        """Return when no Call of ours is waiting for its turn or its answer."""
        if self._outbox is not None:
            await self._outbox.settled()

    async def drained(self) -> None:
        """Return when every Call that was read has been served."""
        await self._inbox.drained()
