"""A whole central system in the test's own loop, on a real socket and a real database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from csms import db
from csms.app import CentralSystem
from tests.support import PATIENCE
from tests.support.charge_point import ScriptedChargePoint

ADMIN_TOKEN = "test-admin-token-of-many-characters"


class Client:
    """Talks to a central system from outside."""

    def __init__(self, http: str) -> None:
        self.http = http
        self.http_options: dict[str, Any] = {}

    @property
    def ocpp(self) -> str:
        """The OCPP endpoint."""
        return self.http.replace("http", "ws", 1) + "/ocpp/1.6"

    async def rest(
        self, method: str, path: str, body: Any = None, *, token: str | None = ADMIN_TOKEN
    ) -> tuple[int, Any]:
        """One REST request; returns the status and the JSON body."""
        response = await self.fetch(method, path, body, token=token)
        return response.code, json.loads(response.body) if response.body else None

    async def fetch(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = ADMIN_TOKEN,
        headers: dict[str, str] | None = None,
    ) -> HTTPResponse:
        """One REST request; a str or bytes body goes as it is."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, str | bytes):
            body = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        request = HTTPRequest(
            self.http + path,
            method=method,
            headers=sent,
            body=body,
            allow_nonstandard_methods=True,
            request_timeout=60,
            **self.http_options,
        )
        return await AsyncHTTPClient().fetch(request, raise_error=False)


class System(Client):
    """The central system under test, in the test's own loop."""

    def __init__(self, central_system: CentralSystem) -> None:
        super().__init__(f"http://127.0.0.1:{central_system.port}")
        self.central_system = central_system
        self._charge_points: list[ScriptedChargePoint] = []

    @property
    def database(self) -> db.Database:
        """Its database."""
        return self.central_system.database

    async def whitelist(self, identity: str | None = "CP1", **fields: Any) -> dict[str, Any]:
        """Whitelist a charge point whose id is its identity, unless told otherwise."""
        body = {"chargePointIdentity": identity, "id": identity, **fields}
        status, record = await self.rest(
            "POST", "/admin/charge-points", {k: v for k, v in body.items() if v is not None}
        )
        assert status == 201, record
        return dict(record)

    async def connect(self, identity: str = "CP1", **options: Any) -> ScriptedChargePoint:
        """Open a charge point's socket."""
        charge_point = await ScriptedChargePoint.connect(self.ocpp, identity, **options)
        self.will_disconnect(charge_point)
        return charge_point

    def will_disconnect(self, charge_point: ScriptedChargePoint) -> None:
        """Have a socket closed at the end of the test, if it is open by then."""
        self._charge_points.append(charge_point)

    async def disconnect_all(self) -> None:
        """Close every charge point's socket that a test left open."""
        await asyncio.gather(*(charge_point.close() for charge_point in self._charge_points))

    async def online(self, identity: str = "CP1", **boot: str) -> ScriptedChargePoint:
        """Whitelist a charge point, connect it and boot it."""
        await self.whitelist(identity)
        charge_point = await self.connect(identity)
        assert (await charge_point.boot(**boot))["status"] == "Accepted"
        return charge_point

    async def verified(self, identity: str = "CP1") -> ScriptedChargePoint:
        """The same, with a serial on record that its boot has shown: secrets may be sent to it."""
        await self.whitelist(identity, serialNumber=f"SN-{identity}")
        charge_point = await self.connect(identity)
        answer = await charge_point.boot(chargePointSerialNumber=f"SN-{identity}")
        assert answer["status"] == "Accepted"
        return charge_point

    async def record(self, charge_point_id: str = "CP1") -> dict[str, Any]:
        """The charge point's document."""
        document = await self.database.charge_points.find_one({"_id": charge_point_id})
        assert document is not None
        return document


T = TypeVar("T")


async def eventually(
    read: Callable[[], Awaitable[T]], fits: Callable[[T], Any], *, within: float = PATIENCE
) -> T:
    """Read again and again until the value fits; for what is stored behind an answer."""
    async with asyncio.timeout(within):
        while True:
            value = await read()
            if fits(value):
                return value
            await asyncio.sleep(0.01)
