"""Hostile visitors: each is refused with a reason, and a charge point beside them is served on."""

from __future__ import annotations

import asyncio
import base64
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import pytest

from csms import app
from csms.connections import call_queue
from csms.ocppj.frames import Call
from tests.support.pages import Visitor
from tests.support.raw_socket import RawSocket, client_frame, upgrade_request
from tests.support.system import ADMIN_TOKEN, System

pytestmark = pytest.mark.gen_test(timeout=60)

TEXT, RSV1 = 1, 0x40
BOMB_BYTES = 100_000_000
OPERATORS: list[Any] = [{"$gt": ""}, {"$ne": None}, {"$where": "1"}, ["$gt"], {"a.b": 1}]
PATHS = {
    "/admin/charge-points": ("id", "name", "serialNumber", "chargePointIdentity", "powerRating"),
    "/admin/id-tags": ("idTag", "parentIdTag", "status", "maxActiveTransactions", "note"),
    "/admin/charge-points/CP1/remote-start": ("idTag", "connectorId"),
    "/admin/charge-points/CP1/remote-stop": ("transactionId",),
    "/admin/charge-points/CP1/commands": ("action",),
    "/admin/charge-points/CP1/local-list": ("updateType",),
    "/admin/charge-points/CP1/composite-schedule": ("connectorId", "duration"),
    "/admin/charge-points/CP1/get-log": ("logType",),
    "/admin/charge-points/CP1/update-firmware": ("fileId",),
    "/admin/tokens": ("name", "role"),
}
QUERIES: dict[str, tuple[str, ...]] = {
    "/admin/charge-points": ("q", "status", "cursor", "connected", "protocolTrouble"),
    "/admin/transactions": (
        "chargePointId",
        "idTag",
        "transactionId",
        "from",
        "status",
        "flag",
        "stoppedFrom",
        "stoppedTo",
    ),
    "/admin/meter-values": ("chargePointId", "measurand", "connectorId", "cursor"),
    "/admin/reservations": ("chargePointId", "reservationId", "status"),
    "/admin/jobs": ("chargePointId", "kind", "status"),
    "/admin/certificates": ("chargePointId", "use"),
    "/admin/security-events": ("chargePointId", "type", "critical"),
    "/admin/files": ("kind", "chargePointId"),
    "/admin/rejected-connections": ("chargePointIdentity", "reason"),
}


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "HEADER_SECONDS", 1.0)


@asynccontextmanager
async def bystander(system: System) -> AsyncIterator[None]:
    """A charge point that must not notice anything."""
    charge_point = await system.online()
    yield
    assert "currentTime" in await charge_point.call("Heartbeat", {})


@pytest.mark.parametrize("path", PATHS)
async def test_operators_in_bodies_are_refused(system: System, path: str) -> None:
    async with bystander(system):
        for field in PATHS[path]:
            for operator in OPERATORS:
                body = {"idTag": "T", "name": "n", "id": "x"} | {field: operator}
                status, problem = await system.rest("POST", path, body)
                assert status == 422, (field, operator, problem)
    assert await system.database.charge_points.count_documents({}) == 1
    assert await system.database.id_tags.count_documents({}) == 0


@pytest.mark.parametrize("path", QUERIES)
async def test_operators_in_queries_are_text_or_refused(system: System, path: str) -> None:
    async with bystander(system):
        for field in QUERIES[path]:
            assert (await system.rest("GET", f"{path}?{field}[$ne]=x"))[0] == 422
            status, page = await system.rest("GET", f"{path}?{field}={quote(str(OPERATORS[0]))}")
            assert status == 422 or page["items"] == []


async def test_a_megabyte_of_accents_holds_nobody_up(system: System) -> None:
    # In their normal form they would be in another order, which takes half a minute to find.
    accents = "\u0300" * 75_000 + "\u0323" * 75_000
    async with bystander(system):
        # A form is smaller; of one that is as large as may be, the name is compared.
        response = await Visitor(system).post("/sign-in", name=accents, secret="x")
        assert response.code == 400
        response = await Visitor(system).post("/sign-in", name=accents[70_000:80_000], secret="x")
        assert response.code == 403
        user = base64.b64encode(accents[70_000:80_000].encode() + b":password").decode()
        headers = {"Authorization": f"Basic {user}"}
        other = await system.connect("CP1", headers=headers)
        # The charge point that is there answers, and has no password.
        assert (await other.closed())[1] == "Already connected"


@pytest.mark.parametrize(
    "target",
    [
        "http://x/admin/charge-points",
        "ws://x/admin/transactions",
        "http:///admin/id-tags",
        "http://admin:secret@x/admin/tokens",
    ],
)
async def test_no_form_of_the_target_goes_around_the_token(system: System, target: str) -> None:
    peer = await RawSocket.dial(system.ocpp)
    peer.send(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert (await peer.end()).startswith(b"HTTP/1.1 401")
    peer.close()


async def test_methods_that_are_made_up_make_no_series_of_their_own(system: System) -> None:
    for number in range(3):
        for path in ("/admin/charge-points", "/healthz", "/", "/nowhere"):
            peer = await RawSocket.dial(system.ocpp)
            line = f"MADEUP{number} {path} HTTP/1.1"
            peer.send(f"{line}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            assert b" 40" in await peer.end()
            peer.close()
    metrics = (await system.fetch("GET", "/metrics")).body.decode()
    assert 'method="other"' in metrics and "MADEUP" not in metrics


async def test_a_request_behind_an_upgrade_is_none(system: System) -> None:
    await system.whitelist()
    peer = await RawSocket.dial(system.ocpp)
    secret = f"GET /admin/charge-points HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_TOKEN}"
    peer.send(upgrade_request("/ocpp/1.6", "CP1"), f"{secret}\r\n\r\n".encode())
    answer = await peer.end()
    assert answer.startswith(b"HTTP/1.1 101") and answer.count(b"HTTP/1.1") == 1
    assert b"chargePointIdentity" not in answer
    peer.close()


async def test_headers_that_never_end_are_not_waited_for(system: System) -> None:
    host, port = system.http.removeprefix("http://").split(":")
    async with bystander(system):
        sockets = [await asyncio.open_connection(host, int(port)) for _ in range(50)]
        for _, writer in sockets:
            writer.write(b"GET /ocpp/1.6/CP1 HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in await asyncio.wait_for(reader.readline(), 5)
        # Those that never finish their headers are hung up on, all of them.
        for waiting, _ in sockets:
            assert await asyncio.wait_for(waiting.read(), 10) == b""
        for _, each in (*sockets, (reader, writer)):
            each.close()


async def test_a_deflate_bomb_is_not_inflated(system: System) -> None:
    bomb = zlib.compress(bytes(BOMB_BYTES), 9)
    frames = client_frame(RSV1 | TEXT, bomb)
    async with bystander(system):
        peer = await RawSocket.dial(system.ocpp)
        await system.whitelist("CP2")
        peer.send(upgrade_request("/ocpp/1.6", "CP2"))
        # It offers to compress. The answer must not take that up.
        answer = await peer.reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101")
        assert b"sec-websocket-extensions" not in answer.lower()
        tracemalloc.start()
        peer.send(frames)
        assert await peer.close_code() == 1002
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < BOMB_BYTES / 20
        peer.close()


@pytest.mark.parametrize(
    "path",
    [
        "/ocpp/1.6/../../admin/charge-points",
        "/ocpp/1.6/%2e%2e%2fadmin",
        "/admin/charge-points/..%2F..",
        "/admin/charge-points/%00",
        "/admin/charge-points/%ff",
        "/docs/swagger-ui/..%2f..%2f..%2fetc%2fpasswd",
        "/docs/static/../../../../../etc/passwd",
        "//admin//charge-points",
        "/files/..%2f..%2fetc",
    ],
)
async def test_path_tricks_lead_nowhere(system: System, path: str) -> None:
    async with bystander(system):
        response = await system.fetch("GET", path, token=None)
        assert response.code in (400, 401, 403, 404, 426)
        assert b"root:" not in response.body


async def test_large_calls_wait_in_the_socket_and_not_in_memory(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_queue, "MAX_WAITING_SIZE", 10_000)
    waiting: list[int] = []
    put = call_queue.CallQueue.put

    def noted(self: call_queue.CallQueue, call: Call, size: int) -> Any:
        result = put(self, call, size)
        waiting.append(self._size)
        return result

    monkeypatch.setattr(call_queue.CallQueue, "put", noted)
    charge_point = await system.online()
    payload = {"vendorId": "x", "data": "x" * 4_000}
    answers = [charge_point.start("DataTransfer", payload) for _ in range(40)]
    assert {(await answer)[0] for answer in answers} == {3}
    # One more may have been read when there was enough.
    assert 10_000 <= max(waiting) < 15_000
    assert "currentTime" in await charge_point.call("Heartbeat", {})
