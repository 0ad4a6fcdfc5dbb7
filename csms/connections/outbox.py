"""Our Calls to one charge point: one at a time, each with a definite end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from csms.errors import CallErrorReceived, ChargePointOffline, CommandTimeout
from csms.ocppj.frames import CallError, CallResult, Payload

if TYPE_CHECKING:
    from csms.connections.connection import Connection

MAX_WAITING_CALLS = 100

Answer = CallResult | CallError


class Outbox:
    """Takes turns, sends, and waits for the answer, the timeout or the close."""

    __slots__ = ("_connection", "_turn", "_waiting", "_answer")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._answer: asyncio.Future[Answer] | None = None

    async def call(
        self, action: str, payload: Payload, on_sent: Callable[[], Awaitable[None]] | None
    ) -> Payload:
        """Send a Call when it is its turn; see `Connection.call`."""
        if self._waiting >= MAX_WAITING_CALLS:
            raise CommandTimeout(f"{MAX_WAITING_CALLS} commands are waiting for this charge point")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._connection.node.deps.settings.call_timeout):
                await self._turn.acquire()
        except TimeoutError:
            raise CommandTimeout("commands before this one took too long") from None
        finally:
            self._waiting -= 1
        try:
            answer = await self._exchange(action, payload, on_sent)
        finally:
            self._turn.release()
        if isinstance(answer, CallError):
            raise CallErrorReceived(answer.code, answer.description, answer.details)
        return answer.payload

    def answered(self, answer: Answer) -> None:
        """Take the answer to the Call that is out."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    async def settled(self) -> None:
        """Return when nothing is waiting for its turn or its answer."""
        async with self._turn:
            return

    def was_closed(self, error: ChargePointOffline) -> None:
        """End the Call that is out: its answer will not come."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
            # Nobody may be there to look at it any more.
            self._answer.exception()

    async def _exchange(
        self, action: str, payload: Payload, on_sent: Callable[[], Awaitable[None]] | None
    ) -> Answer:
        connection = self._connection
        if connection.closed:
            raise ChargePointOffline("Charger not connected")
        started = time.perf_counter()
        outcome = "Timeout"
        answer: Answer | None = None
        unique_id = uuid4().hex
        self._answer = asyncio.get_running_loop().create_future()
        connection.transport.send(connection.session.start_call(unique_id, action, payload))
        try:
            async with asyncio.timeout(connection.node.deps.settings.call_timeout):
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
            connection.session.give_up()
            self._answer = None
            seconds = time.perf_counter() - started
            connection.node.deps.metrics.call_sent(action, outcome, seconds)
            connection.node.messages.outbound(
                connection, unique_id, action, payload, answer, outcome, seconds
            )
