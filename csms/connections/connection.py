"""One live socket: Calls in, in order, each answered once; Calls out, one at a time.

The reader (`receive`) is synchronous: answers to our own Calls are resolved in it at once, while
Calls of the charge point go to a bounded queue that one task works off. So a Call of ours may
cross one of theirs, and a slow database never keeps an answer or a pong from being read.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from uuid import uuid4

import structlog

from csms import db
from csms.actions.boot_notification import NOT_WHITELISTED
from csms.actions.context import Context, Deps, Inbound, MeterState
from csms.connections.message_log import MessageLog
from csms.errors import (
    CallErrorReceived,
    ChargePointOffline,
    CommandTimeout,
    DatabaseUnavailable,
    OcppError,
)
from csms.ocppj.frames import Call, CallError, CallResult, Payload, encode_error, encode_result
from csms.ocppj.payloads import check_inbound
from csms.ocppj.quirks import NO_BOOT
from csms.ocppj.schemas import REQUEST_ACTIONS
from csms.ocppj.session import Answered, Ignored, Refused, Session, Unreadable
from csms.repositories.charge_points import Claim
from csms.repositories.rejected_connections import Rejection

log = structlog.get_logger(__name__)

Ask = Callable[[str, str, Payload, str], Awaitable[Payload]]
"""Sends a command: charge point id, Action, payload, who asks; returns the answer's payload."""

OURSELVES = "csms"
POLICY_VIOLATION = 1008
MAX_WAITING_CALLS = 100


class Transport(Protocol):
    """The socket under a connection."""

    def send(self, text: str) -> None:
        """Send a text; a socket that is closed swallows it."""

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake."""

    def ping(self) -> None:
        """Send a WebSocket ping."""


class Connection:
    """One charge point's socket, from the upgrade to the close."""

    def __init__(
        self,
        transport: Transport,
        deps: Deps,
        inbound: Mapping[str, Inbound],
        messages: MessageLog,
        *,
        identity: str,
        remote_address: str,
        on_bind: Callable[[Connection, str], Awaitable[bool]],
        on_accepted: Callable[[Connection], None],
        on_work: Callable[[Connection, Callable[[], Awaitable[None]]], None],
        ask: Ask,
    ) -> None:
        self.identity = identity
        self.remote_address = remote_address
        self.session_id = uuid4().hex
        self.meters = MeterState()
        self.claim: Claim | None = None
        self.record_before: db.Document | None = None
        self.accepted = False
        self.authenticated = False
        self.password: bytes | None = None
        self.boot: Payload | None = None
        self.quirks: list[str] = []
        """Tolerated deviations of the connection itself, counted with its next Call."""
        self._has_called = False
        self.closed = False
        self.gone = asyncio.Event()
        self.log = log.bind(identity=identity, session=self.session_id[:8])
        self._transport = transport
        self._deps = deps
        self._inbound = inbound
        self._messages = messages
        self._on_bind = on_bind
        self._on_accepted = on_accepted
        self._on_work = on_work
        self._ask = ask
        self._session = Session()
        self._queue: deque[Call] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._turn = asyncio.Lock()
        self._waiting_calls = 0
        self._answer: asyncio.Future[CallResult | CallError] | None = None
        self._signs: set[asyncio.Future[None]] = set()
        self._boots: set[asyncio.Future[Payload]] = set()
        self._after_reply: list[Callable[[], Awaitable[None] | None]] = []

    # What actions see of it (csms.actions.context.Peer)

    @property
    def is_known(self) -> bool:
        """Whether it has a record."""
        return self.claim is not None

    @property
    def charge_point_id(self) -> str:
        """The id of its record; only to be asked when `is_known`."""
        assert self.claim is not None, "a charge point without a record was served"
        return self.claim.charge_point_id

    async def bind(self, serial: str) -> bool:
        """Try to get a record by its serial."""
        return await self._on_bind(self, serial)

    def accept(self) -> None:
        """Serve its Calls from now on; its connectors are asked for after the reply."""
        self.accepted = True
        self._after_reply.append(lambda: self._on_accepted(self))

    def turn_away(self, reason: str, reported_serial: str | None) -> None:
        """Record the rejection and close with 1008 after the reply."""
        self.accepted = False
        self._after_reply.append(lambda: self._turn_away(reason, reported_serial))

    def afterwards(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` once the reply is out, beside the Calls that follow."""
        self._after_reply.append(lambda: self._on_work(self, work))

    async def command(self, action: str, payload: Payload) -> Payload:
        """Send a command of the central system's own, and return the charge point's answer."""
        return await self._ask(self.charge_point_id, action, payload, OURSELVES)

    # Reading

    def receive(self, text: str | bytes) -> Awaitable[None] | None:
        """Take one message; what is returned, if anything, is to be awaited before the next.

        That happens when the charge point has more Calls waiting than the queue holds.
        """
        self._sign_of_life()
        event = self._session.receive(text)
        if isinstance(event, Call):
            return self._enqueue(event)
        if isinstance(event, Answered):
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(event.answer)
        elif isinstance(event, Refused):
            self._bad_frame("refused", event.reason)
            self._transport.send(event.reply)
        elif isinstance(event, Unreadable):
            self._bad_frame("unreadable", event.reason)
            if event.hopeless:
                self.close(POLICY_VIOLATION, "Too many unreadable messages")
        elif isinstance(event, Ignored):
            self._deps.metrics.bad_frames.labels("ignored").inc()
            self.log.debug("frame_ignored", reason=event.reason)
        return None

    def pong(self) -> None:
        """Note the answer to a ping."""
        self._sign_of_life()

    async def is_alive(self, within: float) -> bool:
        """Ping, and say whether anything came back within so many seconds."""
        if self.closed:
            return False
        sign = asyncio.get_running_loop().create_future()
        self._signs.add(sign)
        try:
            self._transport.ping()
            async with asyncio.timeout(within):
                await sign
            return not self.closed
        except TimeoutError:
            return False
        finally:
            self._signs.discard(sign)

    def _sign_of_life(self) -> None:
        for sign in self._signs:
            if not sign.done():
                sign.set_result(None)

    def _bad_frame(self, kind: str, reason: str) -> None:
        self._deps.metrics.bad_frames.labels(kind).inc()
        self.log.warning("bad_frame", kind=kind, reason=reason)

    # Calls of the charge point

    def _enqueue(self, call: Call) -> Awaitable[None] | None:
        self._queue.append(call)
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())
        if len(self._queue) < self._deps.settings.inbound_queue:
            return None
        self._room = asyncio.get_running_loop().create_future()
        return self._room

    async def _work(self) -> None:
        """Serve the waiting Calls in order, also those that were read before the socket closed."""
        try:
            while self._queue:
                await self._serve(self._queue.popleft())
                if self._room is not None and not self._room.done():
                    self._room.set_result(None)
        finally:
            self._worker = None

    async def _serve(self, call: Call) -> None:
        started = time.perf_counter()
        outcome = "CallResult"
        answer: Payload | None = None
        error: OcppError | None = None
        try:
            answer = await self._handle(call)
            reply = encode_result(call.unique_id, answer)
        except OcppError as refusal:
            error = refusal
        except DatabaseUnavailable:
            error = OcppError("InternalError", "the database is away; try again")
        except Exception:
            self.log.exception("action_failed", action=call.action)
            error = OcppError("InternalError", "the central system failed; try again")
        if error is not None:
            outcome = error.code
            reply = encode_error(call.unique_id, error.code, error.description, error.details)
        self._transport.send(reply)
        seconds = time.perf_counter() - started
        self._count(call.action, outcome, seconds)
        self._messages.inbound(self, call, answer, error, seconds)
        await self._run_after_reply()

    async def _handle(self, call: Call) -> Payload:
        inbound = self._inbound.get(call.action)
        if inbound is None:
            if call.action in REQUEST_ACTIONS:
                raise OcppError("NotSupported", f"{call.action} is not served here")
            raise OcppError("NotImplemented", "unknown Action")
        is_boot = call.action == "BootNotification"
        if not is_boot and not (self.accepted and self.is_known):
            raise OcppError("SecurityError", "send a BootNotification first")
        payload, quirks = check_inbound(call.action, call.payload)
        if not self._has_called:
            self._has_called = True
            quirks = [*self.quirks, *([] if is_boot else [NO_BOOT.name]), *quirks]
        for quirk in quirks:
            self._deps.metrics.quirks.labels(quirk).inc()
        now = self._deps.clock()
        if is_boot:
            self._note_boot(payload)
        answer = await inbound.handle(Context(self._deps, self, now), payload)
        if self.accepted:
            self._deps.charge_points.note_sign_of_life(self.charge_point_id, now, quirks)
        return answer

    def _note_boot(self, payload: Payload) -> None:
        self.boot = payload
        for waiter in self._boots:
            if not waiter.done():
                waiter.set_result(payload)

    async def _run_after_reply(self) -> None:
        callbacks, self._after_reply = self._after_reply, []
        for callback in callbacks:
            result = callback()
            if result is not None:
                await result

    async def _turn_away(self, reason: str, reported_serial: str | None) -> None:
        rejection = Rejection(self.identity, self.remote_address, reason, reported_serial)
        await self.reject(rejection)

    async def reject(self, rejection: Rejection) -> None:
        """Record why this connection is turned away, and close it with 1008."""
        self._deps.metrics.rejected.labels(rejection.reason).inc()
        self.log.warning("turned_away", reason=rejection.reason, remote=self.remote_address)
        try:
            if self.claim is not None and self.record_before is not None:
                await self._deps.charge_points.withdraw(self.claim, self.record_before)
            await self._deps.rejected_connections.record(rejection, self._deps.clock())
        except DatabaseUnavailable:
            self.log.error("rejection_not_recorded", reason=rejection.reason)
        self.close(POLICY_VIOLATION, rejection.reason)

    def _count(self, action: str, outcome: str, seconds: float) -> None:
        # The Action comes from outside: what is not known must not make a new time series.
        label = action if action in REQUEST_ACTIONS else "unknown"
        self._deps.metrics.calls_in.labels(label, outcome).inc()
        self._deps.metrics.call_in_seconds.labels(label).observe(seconds)

    # Calls to the charge point

    async def call(
        self,
        action: str,
        payload: Payload,
        on_sent: Callable[[], Awaitable[None]] | None = None,
    ) -> Payload:
        """Send a Call when it is its turn, and return the CallResult's payload.

        `on_sent` runs while the answer is awaited.

        Raises:
            ChargePointOffline: the socket is closed, or closed before the answer came.
            CommandTimeout: no answer within `call_timeout`, or no turn.
            CallErrorReceived: the charge point answered with a CallError.
        """
        if self._waiting_calls >= MAX_WAITING_CALLS:
            raise CommandTimeout(f"{MAX_WAITING_CALLS} commands are waiting for this charge point")
        self._waiting_calls += 1
        try:
            async with asyncio.timeout(self._deps.settings.call_timeout):
                await self._turn.acquire()
        except TimeoutError:
            raise CommandTimeout("commands before this one took too long") from None
        finally:
            self._waiting_calls -= 1
        try:
            answer = await self._exchange(action, payload, on_sent)
        finally:
            self._turn.release()
        if isinstance(answer, CallError):
            raise CallErrorReceived(answer.code, answer.description, answer.details)
        return answer.payload

    async def _exchange(
        self, action: str, payload: Payload, on_sent: Callable[[], Awaitable[None]] | None
    ) -> CallResult | CallError:
        if self.closed:
            raise ChargePointOffline("Charger not connected")
        started = time.perf_counter()
        outcome = "Timeout"
        answer: CallResult | CallError | None = None
        unique_id = uuid4().hex
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.send(self._session.start_call(unique_id, action, payload))
        try:
            async with asyncio.timeout(self._deps.settings.call_timeout):
                if on_sent is not None:
                    await on_sent()
                answer = await self._answer
            outcome = "CallResult" if isinstance(answer, CallResult) else "CallError"
            return answer
        except TimeoutError:
            raise CommandTimeout("the charge point did not answer in time") from None
        except ChargePointOffline:
            outcome = "Offline"
            raise
        finally:
            self._session.give_up()
            self._answer = None
            seconds = time.perf_counter() - started
            self._deps.metrics.calls_out.labels(action, outcome).inc()
            self._deps.metrics.call_out_seconds.labels(action).observe(seconds)
            self._messages.outbound(self, unique_id, action, payload, answer, outcome, seconds)

    def expect_boot(self) -> asyncio.Future[Payload]:
        """A future for the next BootNotification's payload, whatever its verdict will be."""
        waiter: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
        self._boots.add(waiter)
        waiter.add_done_callback(self._boots.discard)
        return waiter

    # Closing

    def close(self, code: int, reason: str) -> None:
        """Close the socket; nothing more is sent on it."""
        self._transport.close(code, reason)

    def forget_whitelisting(self) -> None:
        """Close because the record that let it in no longer does."""
        self.accepted = False
        self.log.info("no_longer_whitelisted")
        self.close(POLICY_VIOLATION, NOT_WHITELISTED)

    def was_closed(self) -> None:
        """Give whoever waits a definite answer. Calls that were read are still worked off."""
        self.closed = True
        self.gone.set()
        offline = ChargePointOffline("the connection closed before the charge point answered")
        for waiter in (self._answer, *self._boots):
            if waiter is not None and not waiter.done():
                waiter.set_exception(offline)
                # Not everyone who could have waited does.
                waiter.exception()
        self._sign_of_life()

    async def drained(self) -> None:
        """Return when every Call that was read has been served."""
        while self._worker is not None:
            await asyncio.shield(self._worker)
