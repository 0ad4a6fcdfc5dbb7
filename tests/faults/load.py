"""Charge points that keep sending readings, and what has to be true of these afterwards."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import MongoClient
from tornado.websocket import WebSocketClosedError

from tests.support.charge_point import Frame, ScriptedChargePoint
from tests.support.system import Client, eventually

COUNT = 20
READINGS = 10
"""How many each charge point gets acknowledged before, and after, the fault."""

STARTS_EVERY = 5
"""Readings between the starts of transactions."""

PATIENCE = 60.0
RETRY_AFTER = 0.1


class Sender:
    """One charge point: sends again what is refused, connects again where it can."""

    def __init__(self, identity: str, urls: Sequence[str]) -> None:
        """`urls` are the OCPP endpoints that it tries in turn."""
        self.identity = identity
        self._urls = list(urls)
        self.reconnected = 0
        self.refused = 0
        self._socket: ScriptedChargePoint | None = None

    @property
    def socket(self) -> ScriptedChargePoint:
        """The socket that it has now."""
        assert self._socket is not None
        return self._socket

    async def connect(self) -> None:
        """Connect to the first endpoint that lets it in, and boot."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    socket = await ScriptedChargePoint.connect(self._urls[0], self.identity)
                except OSError:
                    self._urls.append(self._urls.pop(0))
                    await asyncio.sleep(RETRY_AFTER)
                    continue
                self._socket = socket
                socket.answers["GetConfiguration"] = lambda _: {"unknownKey": []}
                assert (await socket.boot())["status"] == "Accepted"
                return

    async def send(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a Call until it is acknowledged; returns the answer."""
        while True:
            answer = await self._answer(action, payload)
            if answer is None:
                self.reconnected += 1
                await self.close()
                await self.connect()
            elif answer[0] == 3:
                return dict(answer[2])
            else:
                self.refused += 1
                await asyncio.sleep(RETRY_AFTER)

    async def _answer(self, action: str, payload: dict[str, Any]) -> Frame | None:
        """What is answered; None if the socket is closed before."""
        try:
            answer = self.socket.start(action, payload)
        except WebSocketClosedError:
            return None
        async with asyncio.timeout(PATIENCE):
            while not answer.done() and not self.socket.socket_is_closed:
                await asyncio.wait([answer], timeout=RETRY_AFTER)
        return answer.result() if answer.done() else None

    async def close(self) -> None:
        """Close the socket."""
        await self.socket.close()


class Load:
    """Senders at work, and what they were acknowledged."""

    def __init__(self, senders: Sequence[Sender]) -> None:
        self.senders = senders
        self.acknowledged: list[str] = []
        self.started: dict[tuple[str, int], int] = {}
        """Transaction ids, by charge point and the meter at the start."""

        self._stopping = False
        self._tasks = [
            asyncio.ensure_future(self._keep_sending(number, sender))
            for number, sender in enumerate(senders)
        ]

    async def _keep_sending(self, number: int, sender: Sender) -> None:
        count = 0
        while not self._stopping:
            count += 1
            raw = f"{number}.{count:04}"
            await sender.send("MeterValues", reading(raw))
            self.acknowledged.append(raw)
            if count % STARTS_EVERY == 0:
                answer = await sender.send("StartTransaction", start(count))
                self.started[sender.identity, count] = answer["transactionId"]

    async def more(self, each: int = READINGS) -> None:
        """Wait until every sender has so many more readings acknowledged."""
        goals = {n: self._count(n) + each for n in range(len(self.senders))}

        async def behind() -> int:
            return sum(self._count(number) < goal for number, goal in goals.items())

        await eventually(behind, lambda count: count == 0, within=PATIENCE)

    def _count(self, number: int) -> int:
        return sum(raw.startswith(f"{number}.") for raw in self.acknowledged)

    async def stop(self) -> None:
        """Let everybody finish the reading that is out."""
        self._stopping = True
        await asyncio.wait_for(asyncio.gather(*self._tasks), PATIENCE)


def start(meter: int) -> dict[str, Any]:
    """A StartTransaction.req. The times differ where the meters do."""
    at = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=meter)
    return {"connectorId": 1, "idTag": "TAG", "meterStart": meter, "timestamp": at.isoformat()}


async def senders(client: Client, *others: Client, token: str) -> list[Sender]:
    """Whitelisted charge points that are connected to `client`, and know of `others`."""
    made = []
    for number in range(COUNT):
        identity = f"CP{number}"
        body = {"id": identity, "chargePointIdentity": identity}
        status, _ = await client.rest("POST", "/admin/charge-points", body, token=token)
        assert status == 201
        made.append(Sender(identity, [each.ocpp for each in (client, *others)]))
    await asyncio.gather(*(sender.connect() for sender in made))
    return made


async def survive(load: Load, fault: Callable[[], Awaitable[None]], name: str) -> None:
    """Let the fault happen under load; wait until everybody is well again, and say how long."""
    await load.more()
    await fault()
    started = time.monotonic()
    # Of two, the second was sent after the fault.
    await load.more(2)
    seconds = time.monotonic() - started
    sys.stdout.write(f"{name}: every charge point is acknowledged again after {seconds:.1f} s\n")
    await load.more()
    await load.stop()


def assert_nobody_was_dropped(load: Load) -> None:
    """Every charge point still has the socket that it had at first."""
    assert [s.identity for s in load.senders if s.reconnected or s.socket.socket_is_closed] == []


def assert_stored_once(load: Load, uri: str, database: str = "csms") -> None:
    """Every acknowledged reading and start is there, and none is there twice."""
    with MongoClient[dict[str, Any]](uri, readConcernLevel="majority") as mongo:
        stored = mongo[database]["meter_values"].find({}, {"sampledValue.raw": 1})
        raws = [document["sampledValue"][0]["raw"] for document in stored]
        transactions = list(mongo[database]["transactions"].find())
    assert len(raws) == len(set(raws))
    assert set(load.acknowledged) <= set(raws)
    started = {(t["chargePointId"], int(t["meterStart"])): t["_id"] for t in transactions}
    assert len(transactions) == len(started)
    assert load.started.items() <= started.items()
    assert load.started


def reading(raw: str) -> dict[str, Any]:
    """A MeterValues.req."""
    sample = {"value": raw, "measurand": "Voltage", "unit": "V"}
    return {
        "connectorId": 1,
        "meterValue": [{"timestamp": "2026-11-23T10:00:00Z", "sampledValue": [sample]}],
    }
