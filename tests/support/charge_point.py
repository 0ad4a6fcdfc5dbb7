"""A scripted charge point on a real socket. It knows JSON and nothing of csms' own frames."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from tornado.httpclient import HTTPRequest
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    websocket_connect,
)

from tests.support import PATIENCE

Frame = list[Any]

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One", "firmwareVersion": "1.2.3"}


class ScriptedChargePoint:
    """Sends what a test tells it to, and lets the test wait for what comes back."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket = socket
        self.answers: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {}
        """Calls of these actions are answered by themselves; None answers nothing."""
        self._ids = itertools.count(1)
        self._calls: asyncio.Queue[Frame] = asyncio.Queue()
        self._waiting: dict[str, asyncio.Future[Frame]] = {}
        self._closed: asyncio.Future[tuple[int | None, str | None]] = asyncio.Future()
        self._reader = asyncio.ensure_future(self._read())

    @classmethod
    async def connect(
        cls,
        url: str,
        identity: str,
        *,
        subprotocols: list[str] | None = None,
        password: bytes | str | None = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> ScriptedChargePoint:
        """Open a socket. `url` ends in /ocpp/1.6; HTTP refusals raise HTTPClientError."""
        all_headers = dict(headers or {})
        if password is not None:
            secret = password.encode() if isinstance(password, str) else password
            basic = base64.b64encode(identity.encode() + b":" + secret).decode()
            all_headers["Authorization"] = f"Basic {basic}"
        request = HTTPRequest(f"{url}/{quote(identity, safe='')}", headers=all_headers, **options)
        offered = ["ocpp1.6"] if subprotocols is None else subprotocols
        return cls(await websocket_connect(request, subprotocols=offered))

    async def _read(self) -> None:
        while (text := await self.socket.read_message()) is not None:
            frame = json.loads(text)
            if frame[0] == 2:
                self._called(frame)
            elif frame[1] in self._waiting:
                self._waiting.pop(frame[1]).set_result(frame)
        self._closed.set_result((self.socket.close_code, self.socket.close_reason))

    def _called(self, frame: Frame) -> None:
        _, unique_id, action, payload = frame
        if action not in self.answers:
            self._calls.put_nowait(frame)
        elif (answer := self.answers[action](payload)) is not None:
            # A Call may cross our close.
            with suppress(WebSocketClosedError):
                self.send([3, unique_id, answer])

    def send(self, frame: Any) -> None:
        """Send anything as JSON; a str goes as it is."""
        self.socket.write_message(frame if isinstance(frame, str) else json.dumps(frame))

    def start(
        self, action: str, payload: Any, unique_id: str | None = None
    ) -> asyncio.Future[Frame]:
        """Send a Call; the future is its answer, a frame of type 3 or 4."""
        unique_id = unique_id or str(next(self._ids))
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting[unique_id] = answer
        self.send([2, unique_id, action, payload])
        return answer

    async def ask(self, action: str, payload: Any, unique_id: str | None = None) -> Frame:
        """Send a Call and wait for its answer, a frame of type 3 or 4."""
        return await asyncio.wait_for(self.start(action, payload, unique_id), PATIENCE)

    async def call(self, action: str, payload: Any) -> dict[str, Any]:
        """Send a Call that must be answered with a CallResult; returns its payload."""
        frame = await self.ask(action, payload)
        assert frame[0] == 3, frame
        result: dict[str, Any] = frame[2]
        return result

    async def boot(self, **fields: str) -> dict[str, Any]:
        """Send a BootNotification; returns the answer's payload."""
        return await self.call("BootNotification", BOOT | fields)

    async def expect(self, action: str) -> tuple[str, dict[str, Any]]:
        """Wait for a Call of the central system; returns its unique id and payload."""
        frame = await asyncio.wait_for(self._calls.get(), PATIENCE)
        assert frame[2] == action, frame
        return frame[1], frame[3]

    @property
    def socket_is_closed(self) -> bool:
        """Whether either side has closed the socket."""
        return self._closed.done()

    @property
    def waiting_calls(self) -> int:
        """Calls of the central system that no test has looked at yet."""
        return self._calls.qsize()

    def reply(self, unique_id: str, payload: dict[str, Any]) -> None:
        """Answer a Call."""
        self.send([3, unique_id, payload])

    def configure(self, configuration: dict[str, str]) -> None:
        """Answer every GetConfiguration from these keys."""
        self.answers["GetConfiguration"] = lambda payload: configuration_answer(
            configuration, payload.get("key")
        )

    async def closed(self) -> tuple[int | None, str | None]:
        """Wait for the close; returns its code and reason."""
        return await asyncio.wait_for(asyncio.shield(self._closed), PATIENCE)

    def abort(self) -> None:
        """End the connection without a word, as when the power fails."""
        assert self.socket.protocol is not None
        self.socket.protocol._abort()

    async def close(self) -> None:
        """Close from this side; Tornado wants it also after the other side did."""
        self.socket.close(1000, "bye")
        await self.closed()


def configuration_answer(configuration: dict[str, str], keys: list[str] | None) -> dict[str, Any]:
    """A GetConfiguration.conf for the keys asked, all when none are."""
    asked = list(configuration) if keys is None else keys
    return {
        "configurationKey": [
            {"key": key, "readonly": True, "value": configuration[key]}
            for key in asked
            if key in configuration
        ],
        "unknownKey": [key for key in asked if key not in configuration],
    }
