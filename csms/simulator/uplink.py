"""Keeps a charge point connected and registered: connect, boot, reconnect (OCPP 1.6, 4.2)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

from csms.domain.configuration import AUTHORIZATION_KEY
from csms.ocppj.frames import Payload
from csms.simulator.clock import sleep, wait
from csms.simulator.configuration import Configuration
from csms.simulator.hardware import Hardware
from csms.simulator.link import (
    GOING_AWAY,
    CallFailed,
    CallRefused,
    Link,
    LinkLost,
    Serve,
    TurnedAway,
    Unreachable,
    open_socket,
)
from csms.simulator.surroundings import Surroundings

NORMAL_CLOSURE, POLICY_VIOLATION = 1000, 1008
MAX_BACKOFF_SECONDS = 60.0
TURNED_AWAY_SECONDS = 30.0
BOOT_RETRY_SECONDS = 30.0


class Uplink:
    """The way to the central system.

    `serve` answers its Calls, `sent` is called for every message, `online` when Calls may be sent,
    and `offline` when they no longer may.
    """

    def __init__(
        self,
        hardware: Hardware,
        configuration: Configuration,
        surroundings: Surroundings,
        rng: random.Random,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        *,
        serve: Serve,
        sent: Callable[[], None],
        online: Callable[[], None],
        offline: Callable[[], None],
    ) -> None:
        self._hardware = hardware
        self._configuration = configuration
        self._surroundings = surroundings
        self._rng = rng
        self._spawn = spawn
        self._serve = serve
        self._sent = sent
        self._online = online
        self._offline = offline
        self.accepted = False
        """Whether its last BootNotification was accepted; a reconnect changes nothing of that."""
        self._link: Link | None = None
        self._is_online = False
        self._is_turned_away = False
        self._failures = 0
        self._pause: float | None = None
        self._boot_now: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Connect, and connect again, until cancelled; then close with 1001."""
        while True:
            self._pause = None
            await sleep(self._surroundings.clock, await self._connection())

    async def call(self, action: str, payload: Payload) -> Payload:
        """Send a Call, and tell the person who watches when it fails.

        Raises:
            CallFailed: there is no such answer.
        """
        if self._link is None:
            raise LinkLost("not connected")
        try:
            return await self._link.call(action, payload)
        except LinkLost:
            raise
        except CallFailed as failure:
            self._tell(f"{action} failed: {failure}")
            if isinstance(failure, CallRefused) and failure.code == "SecurityError":
                # The central system does not know us any more: boot again.
                self.restart("Boot again", self._backoff())
                raise LinkLost("not accepted") from None
            raise

    def boot_payload(self) -> Payload:
        """What a BootNotification says."""
        model = self._hardware.model
        return {
            "chargePointVendor": model.vendor,
            "chargePointModel": model.name,
            "chargePointSerialNumber": self._hardware.serial,
            "firmwareVersion": model.firmware,
        }

    def boot_now(self) -> None:
        """Ask again at once, if the last BootNotification was not accepted."""
        if self._boot_now is not None and not self._boot_now.done():
            self._boot_now.set_result(None)

    def take_verdict(self, answer: Payload) -> None:
        """Do as the answer to a BootNotification says."""
        self.accepted = answer["status"] == "Accepted"
        if not self.accepted:
            self._tell(f"BootNotification was answered {answer['status']}; it asks again")
        elif answer["interval"] > 0:
            self._configuration.put("HeartbeatInterval", str(answer["interval"]))

    def reconnect(self, reason: str, pause: float = 0.0) -> None:
        """Close the socket, and connect again after a pause."""
        self._pause = pause
        if self._link is not None:
            self._link.close(NORMAL_CLOSURE, reason)

    def restart(self, reason: str, pause: float) -> None:
        """Reconnect, and boot anew."""
        self.accepted = False
        self.reconnect(reason, pause)

    async def _connection(self) -> float:
        """Connect and stay connected; returns how long to wait before the next time."""
        endpoint = self._surroundings.endpoint
        password = self._configuration.text(AUTHORIZATION_KEY)
        try:
            socket = await open_socket(endpoint, self._hardware.identity, password)
        except TurnedAway as refusal:
            return self._turned_away(str(refusal))
        except Unreachable as error:
            self._tell(f"cannot connect to {endpoint.ocpp}: {error}; it keeps trying")
            return self._backoff()
        call_timeout = self._surroundings.behaviour.call_timeout
        self._link = link = Link(socket, self._serve, self._sent, call_timeout)
        greeting = self._spawn(self._greet())
        try:
            code, reason = await link.read()
        except asyncio.CancelledError:
            await link.hang_up(GOING_AWAY, "The simulator stops")
            raise
        finally:
            greeting.cancel()
            self._gone()
        if code == POLICY_VIOLATION:
            return self._turned_away(reason)
        if self._pause is not None:
            return self._pause
        self._tell(f"the connection was lost ({code or 'no close code'} {reason}); it reconnects")
        return self._backoff()

    async def _greet(self) -> None:
        try:
            while not self.accepted:
                await self._boot()
        except LinkLost:
            return
        self._is_online = True
        self._failures = 0
        self._note_turned_away(False)
        self._surroundings.tally.connected += 1
        self._online()

    async def _boot(self) -> None:
        self._boot_now = asyncio.get_running_loop().create_future()
        pause = BOOT_RETRY_SECONDS
        try:
            answer = await self.call("BootNotification", self.boot_payload())
        except LinkLost:
            raise
        except CallFailed:
            answer = None
        if answer is not None:
            self.take_verdict(answer)
            pause = answer["interval"] or pause
        if not self.accepted:
            # Not before the interval is over (4.2), and not all at the same moment after it.
            pause *= self._rng.uniform(1.0, 1.1)
            await wait(self._surroundings.clock, self._boot_now, pause)

    def _gone(self) -> None:
        self._link = None
        self._offline()
        if self._is_online:
            self._is_online = False
            self._surroundings.tally.connected -= 1

    def _turned_away(self, reason: str) -> float:
        self.accepted = False
        self._note_turned_away(True)
        self._tell(f"turned away ({reason}); it asks again every {TURNED_AWAY_SECONDS:g} s")
        return TURNED_AWAY_SECONDS * self._rng.uniform(0.8, 1.2)

    def _note_turned_away(self, turned_away: bool) -> None:
        self._surroundings.tally.turned_away += turned_away - self._is_turned_away
        self._is_turned_away = turned_away

    def _backoff(self) -> float:
        longest = min(MAX_BACKOFF_SECONDS, 2.0**self._failures)
        self._failures = min(self._failures + 1, 10)
        return longest * self._rng.uniform(0.5, 1.0)

    def _tell(self, text: str) -> None:
        self._surroundings.console.problem(self._hardware.identity, text)
