"""Our Calls to one charge point: one at a time (OCPP-J 1.6, 4.1.1), each with a definite end.

Commands of people go ahead of the questions that csms asks by itself, and one of these that has
been out for a while without an answer is given up for them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from csms.connections.turns import Turns
from csms.domain.as_sent import bounded
from csms.domain.masking import named_secrets
from csms.errors import CallErrorReceived, ChargePointOffline, CommandTimeout
from csms.ocppj.frames import CallError, CallResult, Payload

if TYPE_CHECKING:
    from csms.connections.connection import Connection

MAX_WAITING_CALLS = 100
GIVE_WAY_AFTER = 5.0
"""Seconds that a question of ours may be out while a command of a person waits."""

CLOSED_BEFORE_ANSWER = (
    "it was sent, and the connection closed before the charge point answered; it may have been"
    " carried out"
)

Answer = CallResult | CallError
OnSent = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Out:
    """The Call that is out."""

    answer: asyncio.Future[Answer]
    is_question: bool
    sent_at: float
    """By the clock of the event loop."""


class Outbox:
    """Takes turns, sends, and waits for the answer, the timeout or the close."""

    __slots__ = ("_connection", "_turns", "_out")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turns = Turns()
        self._out: Out | None = None

    async def call(
        self, action: str, payload: Payload, on_sent: OnSent | None, *, is_question: bool = False
    ) -> Payload:
        """Send a Call when it is its turn; see `Connection.call`."""
        if self._turns.waiting >= MAX_WAITING_CALLS:
            raise CommandTimeout(
                f"not sent: {MAX_WAITING_CALLS} commands are waiting for this charge point",
                was_sent=False,
            )
        if not is_question:
            self._ask_to_give_way()
        try:
            async with asyncio.timeout(self._connection.node.deps.settings.call_timeout):
                await self._turns.take(urgent=not is_question)
        except TimeoutError:
            raise CommandTimeout(
                "not sent: commands before this one took too long", was_sent=False
            ) from None
        try:
            answer = await self._exchange(action, payload, on_sent, is_question)
        finally:
            self._turns.give_back()
        if isinstance(answer, CallError):
            raise self._without_secrets(answer)
        return answer.payload

    def _without_secrets(self, error: CallError) -> CallErrorReceived:
        """A CallError as it is recorded, logged and shown."""
        code, description, details = error.code, error.description, error.details
        connection = self._connection
        if connection.is_known:
            secrets = connection.node.deps.secrets.of(connection.charge_point_id)
            if secrets is not None:
                code, description = secrets.mask(code), secrets.mask(description)
                details = secrets.masked(bounded(details))
        return CallErrorReceived(code, description, details)

    def answered(self, answer: Answer) -> None:
        """Take the answer to the Call that is out."""
        if self._out is not None and not self._out.answer.done():
            self._out.answer.set_result(answer)

    async def settled(self) -> None:
        """Return when nothing is waiting for its turn or its answer."""
        await self._turns.take(urgent=False)
        self._turns.give_back()

    def was_closed(self) -> None:
        """End the Call that is out: its answer will not come."""
        self._fail(CLOSED_BEFORE_ANSWER)

    def _fail(self, reason: str) -> None:
        if self._out is not None and not self._out.answer.done():
            self._out.answer.set_exception(CommandTimeout(reason))
            # The task that waits for it may have been cancelled.
            self._out.answer.exception()

    def _ask_to_give_way(self) -> None:
        """Give a question up for a command, when it has been out for long enough."""
        out = self._out
        if out is None or not out.is_question:
            return
        asyncio.get_running_loop().call_at(out.sent_at + GIVE_WAY_AFTER, self._give_way, out)

    def _give_way(self, question: Out) -> None:
        if self._out is question and self._turns.urgent_waiting:
            self._fail("no answer yet; given up for a command that was waiting")

    async def _exchange(
        self, action: str, payload: Payload, on_sent: OnSent | None, is_question: bool
    ) -> Answer:
        connection = self._connection
        if connection.closed or connection.transport.is_closing():
            raise ChargePointOffline()
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        outcome = "Timeout"
        answer: Answer | None = None
        unique_id = uuid4().hex
        if connection.is_known and (handed_out := named_secrets(payload)):
            connection.node.deps.secrets.remember(connection.charge_point_id, handed_out)
        out = self._out = Out(loop.create_future(), is_question, loop.time())
        connection.transport.send(connection.session.start_call(unique_id, action, payload))
        if is_question and self._turns.urgent_waiting:
            self._ask_to_give_way()
        try:
            async with asyncio.timeout(connection.node.deps.settings.call_timeout):
                if on_sent is not None:
                    await on_sent()
                answer = await out.answer
            outcome = "CallResult" if isinstance(answer, CallResult) else "CallError"
            return answer
        except TimeoutError:
            raise CommandTimeout("the charge point did not answer in time") from None
        except CommandTimeout:
            outcome = "Offline" if connection.closed else "Timeout"
            raise
        finally:
            connection.session.give_up()
            self._out = None
            seconds = time.perf_counter() - started
            connection.node.deps.metrics.call_sent(action, outcome, seconds)
            connection.node.messages.outbound(
                connection,
                unique_id,
                action,
                payload,
                answer,
                outcome,
                seconds,
                is_question=is_question,
            )
