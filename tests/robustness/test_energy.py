"""A charge point that loses ids, goes off line and reboots: no energy is counted twice.

What it meters is known, so each transaction and their sum can be compared with it. A failure shows
the seed, which plays the same again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.domain.times import rfc3339
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System

pytestmark = pytest.mark.gen_test

STEPS = 80
NO_ID: list[Any] = [None, 0, -1, 2**63 - 1, "", "lost"]


@dataclass
class Session:
    """What a driver has really charged; Wh."""

    connector_id: int
    id_tag: str
    start: int
    end: int = 0
    transaction_id: int | None = None
    has_lost_id: bool = False
    stopped_with_id: bool = False


class Misbehaving:
    """A charge point with two connectors, whose every step is drawn."""

    def __init__(self, system: System, seed: int) -> None:
        self.system = system
        self.draw = random.Random(seed)
        self.registers = {1: self.draw.randrange(9_000), 2: self.draw.randrange(9_000)}
        self.running: dict[int, Session] = {}
        self.sessions: list[Session] = []
        self.queue: list[tuple[str, dict[str, Any], Session]] = []
        self.is_online = True
        self.time = datetime.now(UTC) - timedelta(seconds=3 * STEPS)
        self.socket: ScriptedChargePoint

    def now(self) -> str:
        self.time += timedelta(seconds=1)
        return rfc3339(self.time)

    def often(self, probability: float) -> bool:
        return self.draw.random() < probability

    async def connect(self) -> None:
        self.socket = await self.system.connect()

    async def step(self) -> None:
        for connector_id in self.running:
            self.registers[connector_id] += self.draw.randrange(500)
        connector_id = self.draw.choice((1, 2))
        session = self.running.get(connector_id)
        if not self.is_online and self.often(0.2):
            await self.come_back()
        elif self.is_online and self.often(0.07):
            await self.socket.close()
            self.is_online = False
        elif self.is_online and self.often(0.07):
            await self.reboot()
        elif session is None and self.often(0.5):
            await self.start(connector_id)
        elif session is not None and self.often(0.3):
            await self.stop(session)
        elif self.is_online:
            await self.meter(connector_id, session)

    async def start(self, connector_id: int) -> None:
        register = self.registers[connector_id]
        session = Session(connector_id, self.draw.choice("AB"), register)
        session.has_lost_id = self.often(0.4)
        self.running[connector_id] = session
        self.sessions.append(session)
        payload = {
            "connectorId": connector_id, "idTag": session.id_tag, "meterStart": register,
            "timestamp": self.now(),
        }  # fmt: skip
        await self.send("StartTransaction", payload, session)

    async def stop(self, session: Session) -> None:
        del self.running[session.connector_id]
        session.end = self.registers[session.connector_id]
        payload: dict[str, Any] = {"meterStop": session.end, "timestamp": self.now()}
        if self.often(0.5):
            payload["idTag"] = session.id_tag
        await self.send("StopTransaction", payload, session)

    async def meter(self, connector_id: int, session: Session | None) -> None:
        value = {"value": str(self.registers[connector_id] / 1000), "unit": "kWh"}
        element = {"timestamp": self.now(), "sampledValue": [value]}
        payload: dict[str, Any] = {"connectorId": connector_id, "meterValue": [element]}
        if session is not None and not session.has_lost_id and session.transaction_id:
            payload["transactionId"] = session.transaction_id
        elif self.often(0.5):
            payload["transactionId"] = self.draw.choice(NO_ID)
        await self.deliver("MeterValues", payload)

    async def reboot(self) -> None:
        await self.socket.close()
        await self.connect()
        await self.socket.boot()
        for connector_id in (1, 2):
            session = self.running.get(connector_id)
            if session is not None and self.often(0.5):
                session.end = self.registers[connector_id]
                del self.running[connector_id]
                session = None
            status = {"connectorId": connector_id, "errorCode": "NoError", "timestamp": self.now()}
            status["status"] = "Available" if session is None else "Charging"
            await self.socket.call("StatusNotification", status)

    async def come_back(self) -> None:
        await self.connect()
        self.is_online = True
        queue, self.queue = self.queue, []
        for action, payload, session in queue:
            await self.send(action, payload, session)

    async def send(self, action: str, payload: dict[str, Any], session: Session) -> None:
        if not self.is_online:
            self.queue.append((action, payload, session))
        elif action == "StartTransaction":
            session.transaction_id = (await self.deliver(action, payload))["transactionId"]
        else:
            session.stopped_with_id = not session.has_lost_id
            number = self.draw.choice(NO_ID) if session.has_lost_id else session.transaction_id
            await self.deliver(action, payload | {"transactionId": number})

    async def deliver(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a message, now and then as a charge point that missed the answer."""
        answer = await self.socket.call(action, payload)
        return await self.socket.call(action, payload) if self.often(0.15) else answer

    async def come_to_an_end(self) -> None:
        if not self.is_online:
            await self.come_back()
        for session in list(self.running.values()):
            await self.stop(session)


@pytest.mark.parametrize("seed", range(6))
async def test_no_energy_is_counted_twice_or_below_0(system: System, seed: int) -> None:
    await system.whitelist()
    charge_point = Misbehaving(system, seed)
    await charge_point.connect()
    await charge_point.socket.boot()
    for _ in range(STEPS):
        await charge_point.step()
    await charge_point.come_to_an_end()
    _, page = await system.rest("GET", "/admin/transactions?chargePointId=CP1&limit=1000")
    energies = {one["transactionId"]: one["energyWh"] or 0 for one in page["items"]}
    charged = {one.transaction_id: one.end - one.start for one in charge_point.sessions}
    assert len(charged) == len(charge_point.sessions), "two sessions have one transaction"
    # A meter in kWh rounds: a Wh more or less is no energy.
    assert 0 <= min(energies.values())
    assert sum(energies.values()) <= sum(charged.values()) + len(energies)
    for session in charge_point.sessions:
        number = session.transaction_id
        assert number is not None
        assert energies[number] <= charged[number] + 1, session
        if session.stopped_with_id:
            assert energies[number] == pytest.approx(charged[number], abs=1), session
