"""One simulated charge point: its connectors, their sessions, and what it tells of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from csms.domain.configuration import AUTHORIZATION_KEY
from csms.domain.times import rfc3339
from csms.errors import OcppError
from csms.ocppj.frames import Call, Payload, encode_error, encode_result
from csms.simulator import commands
from csms.simulator.charging import ChargingSession
from csms.simulator.clock import Timer, sleep
from csms.simulator.configuration import Configuration
from csms.simulator.connector import Connector
from csms.simulator.hardware import Hardware
from csms.simulator.heartbeat import Heartbeat
from csms.simulator.link import CallFailed, CallRefused
from csms.simulator.outbox import Message, Outbox
from csms.simulator.surroundings import Surroundings
from csms.simulator.uplink import Uplink

REBOOT_SECONDS = (3.0, 8.0)
RESET_GRACE_SECONDS = 5.0
"""How long a reset waits for the central system to take what was metered."""


class ChargePoint:
    """A charge point; `run` is its life."""

    def __init__(self, hardware: Hardware, surroundings: Surroundings, rng: random.Random) -> None:
        self.hardware = hardware
        self.behaviour = surroundings.behaviour
        self.clock = surroundings.clock
        self.tally = surroundings.tally
        self.rng = rng
        self.configuration = Configuration(hardware)
        self.configuration.put("MeterValueSampleInterval", str(self.behaviour.meter_interval))
        self.configuration.put(AUTHORIZATION_KEY, self.behaviour.password)
        self.whole = Connector(0, hardware.meter_start_wh)
        self.connectors = [
            Connector(number, hardware.meter_start_wh)
            for number in range(1, len(hardware.connector_types) + 1)
        ]
        self.heartbeat = Heartbeat(
            self.clock,
            rng,
            lambda: self.configuration.number("HeartbeatInterval"),
            lambda: self.send("Heartbeat", {}),
        )
        self.uplink = Uplink(
            hardware,
            self.configuration,
            surroundings,
            rng,
            self._spawn,
            serve=self._serve,
            sent=self._sent,
            online=self._online,
            offline=self._offline,
        )
        self.outbox = Outbox(self.uplink.call, self._spawn, self.configuration, self.clock)
        self._tasks = asyncio.TaskGroup()
        self._autostart: Timer | None = None

    @property
    def accepted(self) -> bool:
        """Whether the central system lets it charge."""
        return self.uplink.accepted

    async def run(self, delay: float = 0.0) -> None:
        """Live, from `delay` seconds from now, until cancelled."""
        async with self._tasks:
            try:
                await sleep(self.clock, delay)
                self._schedule_autostart()
                await self.uplink.run()
            finally:
                if self._autostart is not None:
                    self._autostart.cancel()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._tasks.create_task(coroutine)

    # The way to the central system

    def _serve(self, call: Call) -> tuple[bytes, Callable[[], None] | None]:
        try:
            reply = commands.serve(self, call)
        except OcppError as error:
            return encode_error(call.unique_id, error.code, error.description), None
        return encode_result(call.unique_id, reply.payload), reply.then

    def _sent(self) -> None:
        self.tally.sent += 1
        self.heartbeat.note_sign_of_life()

    def _online(self) -> None:
        self.outbox.open()
        for connector in (self.whole, *self.connectors):
            if connector.status != connector.reported:
                self.send_status(connector)
        self.heartbeat.start()

    def _offline(self) -> None:
        self.outbox.close()
        self.heartbeat.stop()

    def reboot(self, reason: str) -> None:
        """Stop every transaction with this reason, disconnect, and boot again."""
        self._spawn(self._reboot(reason))

    async def _reboot(self, reason: str) -> None:
        tasks = []
        for connector in self.connectors:
            if connector.session is not None and connector.session.task is not None:
                connector.session.stop(reason)
                tasks.append(connector.session.task)
        if tasks:
            await asyncio.wait(tasks, timeout=RESET_GRACE_SECONDS)
        await self.outbox.flush(RESET_GRACE_SECONDS)
        for connector in (self.whole, *self.connectors):
            connector.reported = None
        self.uplink.restart("Reset", self.rng.uniform(*REBOOT_SECONDS))

    # What it tells

    def send(self, action: str, payload: Payload) -> None:
        """Send a Call that is only worth sending at once."""
        self.outbox.put(Message(action, lambda: payload))

    def send_boot(self) -> None:
        """Send a BootNotification now, whether or not one was accepted."""
        if not self.accepted:
            self.uplink.boot_now()
            return
        payload = self.uplink.boot_payload()
        verdict = self.uplink.take_verdict
        self.outbox.put(Message("BootNotification", lambda: payload, answered=verdict))

    def send_status(self, connector: Connector) -> None:
        """Send a connector's status as it is."""
        status = connector.status

        def reported(_: Payload) -> None:
            connector.reported = status

        payload = {
            "connectorId": connector.number,
            "errorCode": "NoError",
            "status": status,
            "timestamp": rfc3339(self.clock.now()),
        }
        self.outbox.put(Message("StatusNotification", lambda: payload, answered=reported))

    def show(self, connector: Connector, status: str) -> None:
        """Set a connector's status, and send it if it is a new one."""
        if connector.status != status:
            connector.status = status
            self.send_status(connector)

    def show_availability(self, connectors: Iterable[Connector]) -> None:
        """Show connectors as available or not; those in use follow when their session is over."""
        for connector in connectors:
            if connector.session is None:
                self.show(connector, connector.idle_status)

    # Sessions

    async def authorize(self, id_tag: str) -> bool:
        """Ask whether this tag may charge; off line, decide alone (3.5.1)."""
        try:
            answer = await self.uplink.call("Authorize", {"idTag": id_tag})
        except CallRefused:
            return False
        except CallFailed:
            return self.configuration.flag("LocalAuthorizeOffline")
        return bool(answer["idTagInfo"]["status"] == "Accepted")

    def prepare_session(
        self, connector: Connector, id_tag: str, *, remote: bool
    ) -> ChargingSession:
        """Take a free connector for a session."""
        connector.session = ChargingSession(self, connector, id_tag, remote)
        return connector.session

    def begin_session(self, session: ChargingSession) -> None:
        """Let a session take its course."""
        session.task = self._spawn(session.run())

    def _schedule_autostart(self) -> None:
        if self.behaviour.autostart > 0:
            pause = self.rng.expovariate(1 / self.behaviour.autostart)
            self._autostart = self.clock.call_later(pause, self._start_by_itself)

    def _start_by_itself(self) -> None:
        free = [connector for connector in self.connectors if connector.is_free]
        # One connector is left free, so that a RemoteStart finds one at any time.
        spare = min(1, len(self.connectors) - 1)
        if self.accepted and len(free) > spare:
            connector = self.rng.choice(free)
            id_tag = self.behaviour.id_tag
            self.begin_session(self.prepare_session(connector, id_tag, remote=False))
        self._schedule_autostart()
