"""A clock that tests turn, and a tiny central system that speaks raw JSON."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import unquote

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from csms.ocppj.payloads import answer_errors, outbound_errors
from csms.simulator.charge_point import ChargePoint

T = TypeVar("T")
Payload = dict[str, Any]
Answer = Payload | Callable[[Payload], Payload | None] | None

PATIENCE = 10.0
START = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
ACCEPTED = {"idTagInfo": {"status": "Accepted"}}


class ManualTimer:
    """A callback that waits until the test turns the clock."""

    def __init__(self, seconds: float, due: float, callback: Callable[[], None]) -> None:
        self.seconds = seconds
        self.due = due
        self.callback = callback
        self.is_over = False

    def cancel(self) -> None:
        """Never call it."""
        self.is_over = True


class ManualClock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self._time = 0.0
        self._timers: list[ManualTimer] = []
        self._changed = asyncio.Event()

    def now(self) -> datetime:
        """The time of day."""
        return START + timedelta(seconds=self._time)

    def time(self) -> float:
        """Seconds since the start."""
        return self._time

    def call_later(self, seconds: float, callback: Callable[[], None]) -> ManualTimer:
        """Call back when the clock was turned that far."""
        timer = ManualTimer(seconds, self._time + seconds, callback)
        self._timers.append(timer)
        self._changed.set()
        return timer

    def advance(self, seconds: float) -> None:
        """Turn the clock, and call back whatever is due on the way."""
        until = self._time + seconds
        while due := [t for t in self.waiting() if t.due <= until]:
            timer = min(due, key=lambda t: t.due)
            timer.is_over = True
            self._time = max(self._time, timer.due)
            timer.callback()
        self._time = until

    async def wake(self, least: float, most: float) -> float:
        """Wait until someone sleeps for `least` to `most` seconds, and turn the clock so far."""
        timer = await self.sleeper(least, most)
        self.advance(timer.due - self._time)
        return timer.seconds

    async def sleeper(self, least: float, most: float) -> ManualTimer:
        """Wait until someone sleeps for `least` to `most` seconds."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for timer in self.waiting():
                    if least <= timer.seconds <= most:
                        return timer
                self._changed.clear()
                await self._changed.wait()

    def waiting(self) -> list[ManualTimer]:
        """The timers that are set."""
        self._timers = [timer for timer in self._timers if not timer.is_over]
        return self._timers


class Central:
    """Accepts every charge point, records its Calls, and checks every frame by the schemas."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {
            "BootNotification": self.verdict("Accepted", 300),
            "Heartbeat": {"currentTime": "2026-05-01T12:00:00Z"},
            "Authorize": ACCEPTED,
            "StartTransaction": {**ACCEPTED, "transactionId": 4711},
            "StopTransaction": {},
        }
        """By action; other Calls get {}. None answers nothing, a function is asked each time."""
        self.errors: dict[str, str] = {}
        """Actions that are answered with this CALLERROR code."""
        self.refuse_with: int | None = None
        """HTTP status that connections are refused with."""
        self.close_with: tuple[int, str] | None = None
        """Close code and reason of every new connection."""
        self.rest: dict[str, int] = {}
        """HTTP status of the REST paths; 201 when missing."""
        self.rest_calls: list[tuple[str, str | None, Payload]] = []
        self.calls: list[tuple[str, Payload]] = []
        self.violations: list[Any] = []
        self.requests: list[tuple[str, str | None]] = []
        """Identity and Authorization header of every connection."""
        self.closed: list[tuple[int | None, str | None]] = []
        self._unread: list[tuple[str, Payload]] = []
        self._sockets: list[_Socket] = []
        self._ids = itertools.count(1)
        self._asked: dict[str, str] = {}
        self._replies: dict[str, list[Any]] = {}
        self._changed = asyncio.Event()
        self._server: HTTPServer | None = None
        self.port = 0

    @staticmethod
    def verdict(status: str, interval: int) -> Payload:
        """The answer to a BootNotification."""
        return {"status": status, "interval": interval, "currentTime": "2026-05-01T12:00:00Z"}

    async def start(self) -> None:
        """Listen on loopback."""
        own = {"central": self}
        self._server = HTTPServer(
            Application([(r"/ocpp/1\.6/(.*)", _Socket, own), (r"/admin/(.*)", _Rest, own)])
        )
        listener, self.port = bind_unused_port()
        self._server.add_sockets([listener])

    async def stop(self) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.stop()
        await self._server.close_all_connections()

    def note(self) -> None:
        """Something happened."""
        self._changed.set()

    async def until(self, read: Callable[[], T | None]) -> T:
        """Wait until something is there."""
        async with asyncio.timeout(PATIENCE):
            while (value := read()) is None:
                self._changed.clear()
                await self._changed.wait()
            return value

    # Charge points' Calls

    async def expect(self, action: str, **fields: Any) -> Payload:
        """The next unread Call of this action with these fields, which is read then."""

        def find() -> Payload | None:
            for index, (name, payload) in enumerate(self._unread):
                if name == action and fields.items() <= payload.items():
                    del self._unread[index]
                    return payload
            return None

        return await self.until(find)

    async def online(self) -> None:
        """Wait until a charge point has booted and told the status of everything."""
        boot = await self.expect("BootNotification")
        assert boot
        for number in range(3):
            await self.expect("StatusNotification", connectorId=number, status="Available")

    def unread(self, action: str) -> list[Payload]:
        """Calls of this action that no test has expected yet."""
        return [payload for name, payload in self._unread if name == action]

    # Calls to the charge point

    async def ask(self, action: str, payload: Payload) -> list[Any]:
        """Send a Call on the newest socket; returns the answer, a frame of type 3 or 4."""
        unique_id = f"c{next(self._ids)}"
        self._asked[unique_id] = action
        await self._sockets[-1].write_message(json.dumps([2, unique_id, action, payload]))
        return await self.until(lambda: self._replies.get(unique_id))

    async def call(self, action: str, payload: Payload) -> Payload:
        """Send a Call that must be answered with a CallResult; returns its payload."""
        frame = await self.ask(action, payload)
        assert frame[0] == 3, frame
        return dict(frame[2])

    # The socket

    async def connections(self, count: int) -> None:
        """Wait until so many connections were asked for."""
        await self.until(lambda: len(self.requests) >= count or None)

    async def sockets(self, count: int) -> None:
        """Wait until so many sockets were opened."""
        await self.until(lambda: len(self._sockets) >= count or None)

    def drop(self) -> None:
        """Lose the newest socket without a word."""
        self._sockets[-1].ws_connection._abort()

    def close(self, code: int, reason: str) -> None:
        """Close the newest socket."""
        self._sockets[-1].close(code, reason)

    def opened(self, socket: _Socket) -> None:
        """Take a new socket."""
        self._sockets.append(socket)
        if self.close_with is not None:
            socket.close(*self.close_with)
        self.note()

    def receive(self, socket: _Socket, text: str | bytes) -> None:
        """Take a frame."""
        frame = json.loads(text)
        if frame[0] != 2:
            self._receive_reply(frame)
            return
        _, unique_id, action, payload = frame
        self.violations.extend(outbound_errors(action, payload))
        self.calls.append((action, payload))
        self._unread.append((action, payload))
        if action in self.errors:
            reply = [4, unique_id, self.errors[action], "", {}]
        else:
            answer = self.answers.get(action, {})
            reply = [3, unique_id, answer(payload) if callable(answer) else answer]
        if reply[2] is not None:
            socket.write_message(json.dumps(reply))
        self.note()

    def _receive_reply(self, frame: list[Any]) -> None:
        if frame[0] == 3:
            self.violations.extend(answer_errors(self._asked[frame[1]], frame[2]))
        self._replies[frame[1]] = frame
        self.note()


class _Socket(WebSocketHandler):
    def initialize(self, central: Central) -> None:
        self._central = central

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "ocpp1.6" if subprotocols == ["ocpp1.6"] else None

    async def get(self, identity: str) -> None:
        raw = self.request.path.removeprefix("/ocpp/1.6/")
        self._central.requests.append((unquote(raw), self.request.headers.get("Authorization")))
        self._central.note()
        if self._central.refuse_with is not None:
            self.set_status(self._central.refuse_with)
            return
        await super().get(identity)

    def open(self, *args: str) -> None:
        self._central.opened(self)

    def on_message(self, message: str | bytes) -> None:
        self._central.receive(self, message)

    def on_close(self) -> None:
        self._central.closed.append((self.close_code, self.close_reason))
        self._central.note()


class _Rest(RequestHandler):
    def initialize(self, central: Central) -> None:
        self._central = central

    def post(self, path: str) -> None:
        body = json.loads(self.request.body)
        authorization = self.request.headers.get("Authorization")
        self._central.rest_calls.append((path, authorization, body))
        self.set_status(self._central.rest.get(path, 201))
        self.write({"detail": "because of the test"})


@asynccontextmanager
async def running(charge_point: ChargePoint) -> AsyncIterator[ChargePoint]:
    """Let a charge point live; at the end it has closed its socket, and nothing had failed."""
    life = asyncio.create_task(charge_point.run())
    try:
        yield charge_point
    finally:
        life.cancel()
        await asyncio.wait({life})
        if not life.cancelled():
            life.result()


def samples(payload: Payload, measurand: str) -> list[Payload]:
    """The samples of a measurand in the one MeterValue of a message."""
    (meter_value,) = payload.get("meterValue") or payload["transactionData"]
    return [s for s in meter_value["sampledValue"] if s["measurand"] == measurand]


def energy(payload: Payload) -> int:
    """The energy register in a message, Wh."""
    (sample,) = samples(payload, "Energy.Active.Import.Register")
    return int(sample["value"])
