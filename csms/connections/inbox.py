"""The Calls of one charge point: served in their order, each answered once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from csms.actions.context import Context, Inbound, Stored
from csms.connections.backlog import SMALL
from csms.connections.call_queue import CallQueue
from csms.domain.protocol_trouble import OCPP201_SHAPED, refused_call
from csms.errors import DatabaseUnavailable, OcppError, SessionLost
from csms.ocppj.editions import OCPP201_BOOT
from csms.ocppj.frames import Call, Payload, encode_error, encode_result
from csms.ocppj.payloads import check_inbound
from csms.ocppj.quirks import ACTION_CASE, NO_BOOT
from csms.ocppj.schemas import REQUEST_ACTIONS, action_label

if TYPE_CHECKING:
    from csms.connections.connection import Connection

BOOT_NOTIFICATION = "BootNotification"
INTERNAL_ERROR = "InternalError"
"""The code of Calls that we could not serve: no fault of the charge point's."""

SHOWN_EVERY = 60.0
"""Seconds between two messages with one quirk in the log, of Actions that it leaves out."""


_FREE_TEXTS = {
    "StatusNotification": ("errorCode", "info", "vendorId", "vendorErrorCode"),
    "SecurityEventNotification": ("type", "techInfo"),
}
"""Where a charge point may write what it likes, and it becomes part of a record."""


class Inbox:
    """Calls are worked off in order; a task runs only while a handler has to wait."""

    __slots__ = (
        "_connection", "_queue", "_worker", "_written", "_has_called", "_shown",
        "_is_worth_logging", "_held_back",
    )  # fmt: skip

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._queue: CallQueue | None = None
        self._worker: asyncio.Task[None] | None = None
        self._written: asyncio.Future[None] | None = None
        self._has_called = False
        self._shown: dict[str, float] | None = None
        self._is_worth_logging = False
        self._held_back = 0
        """How many looks at the record have to end before more is served."""

    def put(self, call: Call, size: int = 0) -> Awaitable[None] | None:
        """Take a Call; what is returned, if anything, is to be awaited before the next.

        `size` is how many characters it had.
        """
        if self._is_busy:
            return self._waiting.put(call, size)
        if size <= SMALL and not self._connection.stored.is_over:
            self._begin(call)
            return None
        # One that is large, or of a charge point that has stored too much.
        if not self._waiting.may_begin(call, size):
            return self._waiting.put(call, size)
        self._begin(call)
        if not self._is_busy:
            self._waiting.served()
        return None

    @property
    def _is_busy(self) -> bool:
        return (
            self._worker is not None
            or self._written is not None
            or self._held_back > 0
            or (self._queue is not None and self._queue.is_stopped)
        )

    @property
    def _waiting(self) -> CallQueue:
        # Most charge points never have a Call that waits.
        if self._queue is None:
            self._queue = CallQueue(self._connection, self._go_on)
        return self._queue

    def hold_back(self) -> None:
        """Serve no more Calls until as many `go_on`; they are taken all the same."""
        self._held_back += 1

    def go_on(self) -> None:
        """Serve what was held back, behind the Call that is being served, if there is one."""
        self._held_back -= 1
        if not self._is_busy:
            self._go_on()

    def drop(self) -> None:
        """Serve none of the Calls that wait: others are served in their place, on another node."""
        if self._queue is not None:
            self._queue.drop()

    def was_closed(self) -> None:
        """Drop what is held up. What is not is still served."""
        if self._queue is not None:
            self._queue.was_closed()

    async def drained(self) -> None:
        """Return when every Call that was taken has been served."""
        while (waiting := self._worker or self._written) is not None:
            await asyncio.wait((waiting,))

    def _begin(self, call: Call) -> None:
        """Serve a Call at once, or start what it has to wait for."""
        started = time.perf_counter()
        try:
            inbound, payload, context = self._admit(call)
            answer = None if inbound.at_once is None else inbound.at_once(context, payload)
        except Exception as failure:
            self._reply(call, None, self._translate(call, failure), started)
            return
        if answer is None:
            work = self._work(call, inbound, payload, context, started)
            self._worker = asyncio.get_running_loop().create_task(work)
        elif isinstance(answer, Stored):
            self._written = answer.written
            call.put_down()
            context.sent = call.payload
            have_written = partial(self._have_written, call, context, answer.answer, started)
            answer.written.add_done_callback(have_written)
        else:
            self._note_sign_of_life(context)
            self._reply(call, answer, None, started)

    def _go_on(self) -> None:
        """Serve the Calls that waited, also those that were read before the socket closed."""
        queue = self._queue
        if queue is None:
            return
        queue.served()
        while not self._is_busy and (call := queue.take()) is not None:
            self._begin(call)
            if not self._is_busy:
                queue.served()

    def _have_written(
        self,
        call: Call,
        context: Context,
        answer: Payload,
        started: float,
        written: asyncio.Future[None],
    ) -> None:
        self._written = None
        failure = written.exception()
        if failure is None:
            self._note_sign_of_life(context)
            self._reply(call, answer, None, started)
        else:
            self._reply(call, None, self._translate(call, failure), started)
        self._go_on()

    async def _work(
        self, call: Call, inbound: Inbound, payload: Payload, context: Context, started: float
    ) -> None:
        answer: Payload | None = None
        error: OcppError | None = None
        try:
            answer = await self._handle(inbound, payload, context)
            # A boot has stored when it came already.
            if call.action != BOOT_NOTIFICATION or context.quirks:
                self._note_sign_of_life(context)
        except SessionLost:
            # No answer: the charge point sends it again where it is now.
            self._connection.lose()
            self._worker = None
            self._go_on()
            return
        except Exception as failure:
            error = self._translate(call, failure)
        try:
            self._reply(call, answer, error, started)
            if self._connection.waits_for_reply:
                await self._connection.run_after_reply()
        finally:
            self._worker = None
            self._go_on()

    async def _handle(self, inbound: Inbound, payload: Payload, context: Context) -> Payload:
        """Have a Call handled.

        Raises:
            SessionLost: the charge point has another session.
            OcppError, DatabaseUnavailable: as the handler does.
        """
        assert inbound.handle is not None, f"{inbound.action} has no handler"
        try:
            return await inbound.handle(context, payload)
        except SessionLost:
            # The record may just have been given up for dead, while the database was away.
            if not await self._connection.regain():
                raise
        return await inbound.handle(context, payload)

    def _admit(self, call: Call) -> tuple[Inbound, Payload, Context]:
        """See that a Call may be served, and make it ready.

        Raises:
            OcppError: it may not.
        """
        connection = self._connection
        deps = connection.node.deps
        inbound = connection.node.inbound.get(call.action) or self._in_other_case(call)
        if inbound is None:
            if call.action in REQUEST_ACTIONS:
                raise OcppError("NotSupported", f"{call.action} is not served here")
            raise OcppError("NotImplemented", "unknown Action")
        is_boot = call.action == BOOT_NOTIFICATION
        if not is_boot and not (connection.accepted and connection.is_known):
            connection.needs_boot()
            raise OcppError("SecurityError", "send a BootNotification first")
        if deps.secrets.until and connection.is_known:
            secrets = deps.secrets.of(connection.charge_point_id)
            if secrets is not None:
                call.payload = secrets.masked_surely(call.payload)
        payload, quirks = check_inbound(call.action, call.payload)
        if call.quirks:
            quirks = [*call.quirks, *quirks]
        if not self._has_called:
            self._has_called = True
            quirks = [*connection.quirks, *([] if is_boot else [NO_BOOT.name]), *quirks]
        for quirk in quirks:
            deps.metrics.quirk_seen(quirk)
        self._is_worth_logging = bool(quirks) and self._has_news(quirks)
        if call.action in _FREE_TEXTS:
            payload = self._without_secrets(call.action, payload)
        now = deps.clock()
        return inbound, payload, Context(deps, connection, now, quirks, call.payload)

    def _without_secrets(self, action: str, payload: Payload) -> Payload:
        """A payload without what csms has handed out, in texts that are stored and shown."""
        connection = self._connection
        if not connection.is_known:
            return payload
        secrets = connection.node.deps.secrets.of(connection.charge_point_id)
        if secrets is None:
            return payload
        texts = {name: payload[name] for name in _FREE_TEXTS[action] if name in payload}
        return {**payload, **secrets.masked(texts)}

    def _in_other_case(self, call: Call) -> Inbound | None:
        """The action that is meant by one in another case; the Call is one of it from now on."""
        folded = call.action.casefold()
        for action, inbound in self._connection.node.inbound.items():
            if action.casefold() == folded:
                call.action = action
                call.quirks = (*call.quirks, ACTION_CASE.name)
                return inbound
        return None

    def _has_news(self, quirks: Sequence[str]) -> bool:
        """Whether one of these quirks was not in the message log for a while.

        So an operator sees what was sent, also of Actions that the log leaves out, and a fleet
        whose every message has a quirk does not fill it.
        """
        if self._shown is None:
            self._shown = {}
        now = time.monotonic()
        due = [q for q in quirks if now - self._shown.get(q, -SHOWN_EVERY) >= SHOWN_EVERY]
        self._shown.update(dict.fromkeys(due, now))
        return bool(due)

    def _note_sign_of_life(self, context: Context) -> None:
        # After it was served: a boot that is turned away leaves no trace in the record.
        if self._connection.accepted:
            context.deps.held.note_sign_of_life(context.hold, context.received_at, context.quirks)

    def _translate(self, call: Call, failure: BaseException) -> OcppError:
        if isinstance(failure, OcppError):
            return failure
        if isinstance(failure, DatabaseUnavailable):
            return OcppError(INTERNAL_ERROR, "the database is away; try again")
        self._connection.log.error("action_failed", action=call.action, exc_info=failure)
        return OcppError(INTERNAL_ERROR, "the central system failed; try again")

    def _reply(
        self, call: Call, answer: Payload | None, error: OcppError | None, started: float
    ) -> None:
        connection = self._connection
        node = connection.node
        label = action_label(call.action)
        if error is None:
            reply = encode_result(call.unique_id, answer or {})
        else:
            reply = encode_error(call.unique_id, error.code, error.description, error.details)
            if error.code != INTERNAL_ERROR and connection.is_known:
                is_other = error.description == OCPP201_BOOT
                trouble = refused_call(label, OCPP201_SHAPED if is_other else error.code)
                node.deps.note_trouble(connection.hold, trouble)
        connection.transport.send(reply)
        seconds = time.perf_counter() - started
        node.deps.metrics.call_received(label, error.code if error else "CallResult", seconds)
        worth_it, self._is_worth_logging = self._is_worth_logging, False
        node.messages.inbound(connection, call, answer, error, seconds, always=worth_it)
