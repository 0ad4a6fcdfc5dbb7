"""The Calls that a charge point has yet to send, in their order (OCPP 1.6, 3.7.1 and 4.8).

Messages of transactions are kept while there is no connection, and tried again until they are
answered; the others are only worth sending at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from csms.ocppj.frames import Payload
from csms.simulator.clock import Clock, sleep
from csms.simulator.configuration import Configuration
from csms.simulator.link import CallRefused, LinkLost, Unanswered

MAX_RETRY_SECONDS = 60.0


def _nothing(*_: object) -> None:
    return None


@dataclass(slots=True)
class Message:
    """One Call to send.

    `payload` is asked when its turn comes, because what a transaction sends carries the id that its
    start was answered with; None then means that it is no longer to be sent. `dropped` is called if
    a kept message is refused too often.
    """

    action: str
    payload: Callable[[], Payload | None]
    kept: bool = False
    answered: Callable[[Payload], None] = _nothing
    dropped: Callable[[], None] = _nothing


class Outbox:
    """Sends one message after the other while it is open."""

    def __init__(
        self,
        call: Callable[[str, Payload], Awaitable[Payload]],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        configuration: Configuration,
        clock: Clock,
    ) -> None:
        self._call = call
        self._spawn = spawn
        self._configuration = configuration
        self._clock = clock
        self._waiting: deque[Message] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._is_open = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message) -> None:
        """Send a message after those before it; one that is not kept is dropped while closed."""
        if self._is_open or message.kept:
            self._waiting.append(message)
            self._start()

    def open(self) -> None:
        """Start sending."""
        self._is_open = True
        self._start()

    def close(self) -> None:
        """Stop sending, and drop what is not kept."""
        self._is_open = False
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
        self._waiting = deque(message for message in self._waiting if message.kept)

    async def flush(self, patience: float) -> None:
        """Return when everything is sent, or after `patience` seconds."""
        if self._worker is not None:
            await asyncio.wait({self._worker}, timeout=patience)

    def _start(self) -> None:
        if self._is_open and self._worker is None and self._waiting:
            self._worker = self._spawn(self._work())

    async def _work(self) -> None:
        refusals = 0
        while self._waiting:
            message = self._waiting[0]
            payload = message.payload()
            try:
                answer = None if payload is None else await self._call(message.action, payload)
            except LinkLost:
                # Whoever sees the socket close also closes this outbox, and opens it again.
                self._worker = None
                return
            except (Unanswered, CallRefused) as error:
                refusals += isinstance(error, CallRefused)
                if message.kept and refusals < self._configuration.number(
                    "TransactionMessageAttempts"
                ):
                    await self._pause(refusals)
                    continue
                self._waiting.popleft()
                message.dropped()
            else:
                self._waiting.popleft()
                if answer is not None:
                    message.answered(answer)
            refusals = 0
        self._worker = None

    async def _pause(self, refusals: int) -> None:
        # The wait grows with each refusal (OCPP 1.6, 9.1.29).
        seconds = self._configuration.number("TransactionMessageRetryInterval") * max(1, refusals)
        await sleep(self._clock, min(seconds, MAX_RETRY_SECONDS))
