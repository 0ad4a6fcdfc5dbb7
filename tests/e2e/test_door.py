"""The door: forms of the request target, and everybody who is turned away is on record."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from csms.config import Settings
from tests.e2e.test_websocket import BOOT, TEXT, heartbeat
from tests.support import PATIENCE
from tests.support.raw_socket import RawSocket, client_frame
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

HEADERS = {
    "Host": "csms.example.org",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "ocpp1.6",
    "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
}


async def knock(
    system: System, target: str, *, method: str = "GET", **changes: str | None
) -> tuple[RawSocket, int]:
    """Ask for a socket; None leaves a header out. Returns the connection and the HTTP status."""
    headers = {**HEADERS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    peer = await RawSocket.dial(system.ocpp)
    peer.send("\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode())
    answer = await asyncio.wait_for(peer.reader.readuntil(b"\r\n\r\n"), PATIENCE)
    return peer, int(answer.split()[1])


async def rejections(system: System, query: str = "") -> list[dict[str, Any]]:
    _, page = await system.rest("GET", f"/admin/rejected-connections{query}")
    return list(page["items"])


class TestRequestTarget:
    """Absolute forms and needless slashes (RFC 9112, 3.2.2)."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"path_prefix": "/my/csms"})

    @pytest.mark.parametrize(
        ("target", "quirks"),
        [
            ("/ocpp/1.6/CP%201", []),
            ("/ocpp/1.6/CP%201?token=x", []),
            ("ws://{host}/ocpp/1.6/CP%201", ["absoluteRequestTarget"]),
            ("WSS://elsewhere/ocpp/1.6/CP%201", ["absoluteRequestTarget"]),
            ("http://[::1]:80/ocpp/1.6/CP%201/?a=b", ["absoluteRequestTarget", "trailingSlash"]),
            ("https://{host}/my/csms/ocpp/1.6/CP%201", ["absoluteRequestTarget"]),
            ("//ocpp/1.6//CP%201", ["doubledSlash"]),
            ("/ocpp//1.6/CP%201//", ["doubledSlash", "trailingSlash"]),
            ("/my//csms/ocpp/1.6/CP%201", ["doubledSlash"]),
            ("ws://{host}//ocpp/1.6/CP%201", ["absoluteRequestTarget", "doubledSlash"]),
        ],
    )
    async def test_it_is_read_and_counted(
        self, system: System, target: str, quirks: list[str]
    ) -> None:
        await system.whitelist("CP 1", id="CP1")
        peer, status = await knock(system, target.format(host=urlsplit(system.http).netloc))
        assert status == 101
        peer.send(client_frame(TEXT, BOOT))
        assert json.loads((await peer.receive())[1])[2]["status"] == "Accepted"
        record = await eventually(
            system.record, lambda record: len(record["quirks"]) >= len(quirks)
        )
        assert sorted(record["quirks"]) == quirks
        assert await rejections(system) == []
        peer.close()

    async def test_slashes_can_be_forbidden(self, system: System) -> None:
        system.central_system.settings.allow_trailing_slash = False
        await system.whitelist("CP1")
        for target in ("//ocpp/1.6/CP1", "/ocpp/1.6//CP1", "/ocpp/1.6/CP1/"):
            peer, status = await knock(system, target)
            assert status == 400
            peer.close()
        [one] = await rejections(system)
        assert (one["reason"], one["count"]) == ("Invalid chargePointIdentity", 3)

    async def test_rest_can_be_asked_so_too(self, system: System) -> None:
        for target in (f"{system.http}/healthz", f"{system.http}/my/csms/healthz"):
            peer = await RawSocket.dial(system.http)
            peer.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert b" 200 " in await asyncio.wait_for(peer.reader.readline(), PATIENCE)
            peer.close()


@pytest.mark.parametrize(
    ("target", "changes", "status", "reason"),
    [
        ("/ocpp/2.0.1/CP1", {}, 404, "Wrong path"),
        ("/ocpp/1.5/CP1", {}, 404, "Wrong path"),
        ("/ocpp/1.60/CP1", {}, 404, "Wrong path"),
        ("/steve/websocket/CentralSystemService/CP1", {}, 404, "Wrong path"),
        ("/admin/charge-points/CP1", {}, 404, "Wrong path"),
        ("/ocpp/1.5/CP1", {"Upgrade": None, "method": "POST"}, 404, "Wrong path"),
        ("/ocpp/1.6/CP1", {"Upgrade": None}, 426, "Missing WebSocket upgrade headers"),
        ("/ocpp/1.6/CP1", {"Upgrade": "h2c"}, 426, "Missing WebSocket upgrade headers"),
        ("/ocpp/1.6/CP1", {"Connection": None}, 400, "Missing WebSocket upgrade headers"),
        ("/ocpp/1.6/CP1", {"Connection": "close"}, 400, "Missing WebSocket upgrade headers"),
        ("/ocpp/1.6/CP1", {"method": "POST"}, 405, "Missing WebSocket upgrade headers"),
        ("/ocpp/1.6/CP1", {"Sec-WebSocket-Key": None}, 400, "Missing or invalid Sec-WebSocket-Key"),
        ("/ocpp/1.6/CP1", {"Sec-WebSocket-Key": "x"}, 400, "Missing or invalid Sec-WebSocket-Key"),
        ("/ocpp/1.6/CP1", {"Sec-WebSocket-Version": "8"}, 426, "Unsupported WebSocket version"),
        ("/ocpp/1.6/CP1", {"Sec-WebSocket-Version": None}, 426, "Unsupported WebSocket version"),
        ("/ocpp/1.6/CP1", {"Host": None}, 400, "Missing or invalid Host header"),
        ("/ocpp/1.6/CP1", {"Host": "http://x/"}, 400, "Missing or invalid Host header"),
    ],
)
async def test_who_is_turned_away_at_the_door_is_on_record(
    system: System, target: str, changes: dict[str, str], status: int, reason: str
) -> None:
    await system.whitelist("CP1")
    for _ in range(2):
        peer, answered = await knock(system, target, **changes)
        assert answered == status
        peer.close()
    [one] = await rejections(system)
    assert (one["chargePointIdentity"], one["reason"], one["count"]) == ("CP1", reason, 2)
    assert one["path"] == (target if reason == "Wrong path" else None)
    assert one["remoteAddress"] == "127.0.0.1"


async def test_no_other_request_is(system: System) -> None:
    for path in ("/", "/something", "/admin/charge-points", "/files/none"):
        await system.fetch("GET", path, token=None)
    assert await rejections(system) == []


@pytest.mark.parametrize(
    "path",
    ["/files/{}/firmware.bin", "//files///{}/", "/FILES/{}", "/%66iles%2F{}", "/x/files/{}"],
)
async def test_a_one_time_url_is_no_identity(system: System, path: str) -> None:
    token = "t" * 43
    peer, status = await knock(system, path.format(token))
    assert status == 404
    peer.close()
    [one] = await rejections(system)
    assert one["chargePointIdentity"] is None
    assert token not in one["path"]


async def test_no_control_character_of_a_terminal_is_part_of_an_identity(system: System) -> None:
    for identity in ("%1B[31m", "%C2%9B31m", "%7F"):
        peer, status = await knock(system, f"/ocpp/1.6/{identity}")
        assert status == 400
        peer.close()
    [one] = await rejections(system)
    assert (one["reason"], one["count"]) == ("Invalid chargePointIdentity", 3)


async def test_upgrade_may_stand_among_others(system: System) -> None:
    await system.whitelist("CP1")
    for connection in ("keep-alive, Upgrade", "upgrade"):
        peer, status = await knock(
            system, "/ocpp/1.6/CP1", Upgrade="h2c, WebSocket", Connection=connection
        )
        assert status == 101
        peer.close()


class TestFailedHandshakes:
    """TLS handshakes that fail are counted by address and OpenSSL's reason."""

    @pytest.fixture
    def settings(self, settings: Settings, tmp_path: Path) -> Settings:
        issued = trustme.CA().issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        issued.private_key_pem.write_to_path(tmp_path / "key.pem")
        files = {"tls_cert": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"}
        return settings.model_copy(update={**files, "port": 0, "tls_port": 0})

    @pytest.fixture
    def tls_port(self, system: System) -> int:
        port = system.central_system.tls_port
        assert port is not None
        return port

    async def recorded(self, system: System, count: int = 1) -> dict[str, int]:
        found = await eventually(
            lambda: rejections(system), lambda items: sum(one["count"] for one in items) >= count
        )
        assert all(one["chargePointIdentity"] is None for one in found)
        assert {one["remoteAddress"] for one in found} == {"127.0.0.1"}
        return {one["reason"]: one["count"] for one in found}

    async def test_a_certificate_that_is_not_trusted(self, system: System, tls_port: int) -> None:
        for _ in range(3):
            await asyncio.to_thread(refuse_certificate, tls_port)
        reasons = await self.recorded(system, 3)
        assert reasons == {"TLS handshake failed: TLSV1_ALERT_UNKNOWN_CA": 3}
        assert len(await rejections(system, "?reason=TLS+handshake+failed")) == 1
        assert await rejections(system, "?reason=Wrong+path") == []
        metrics = (await system.fetch("GET", "/metrics")).body.decode()
        assert 'csms_failed_tls_handshakes_total{reason="TLSV1_ALERT_UNKNOWN_CA"} 3.0' in metrics

    async def test_plain_http_on_the_port_of_tls(self, system: System, tls_port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", tls_port)
        writer.write(b"GET /ocpp/1.6/CP1 HTTP/1.1\r\n\r\n")
        with suppress(ConnectionResetError):
            await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        assert await self.recorded(system) == {"TLS handshake failed: HTTP_REQUEST": 1}

    async def test_who_leaves_in_the_middle_but_not_who_says_nothing(
        self, system: System, tls_port: int
    ) -> None:
        for said in (b"", client_hello()):
            reader, writer = await asyncio.open_connection("127.0.0.1", tls_port)
            writer.write(said)
            if said:
                await asyncio.wait_for(reader.read(1), PATIENCE)
            writer.write_eof()
            await asyncio.wait_for(reader.read(), PATIENCE)
            writer.close()
        assert await self.recorded(system) == {
            "TLS handshake failed: UNEXPECTED_EOF_WHILE_READING": 1
        }

    async def test_the_others_go_on(self, system: System, tls_port: int) -> None:
        await system.whitelist("CP1")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        peer = await RawSocket.dial(f"https://127.0.0.1:{tls_port}", context)
        lines = [f"{name}: {value}" for name, value in HEADERS.items()]
        peer.send("\r\n".join(["GET /ocpp/1.6/CP1 HTTP/1.1", *lines, "", ""]).encode())
        assert b" 101 " in await peer.reader.readuntil(b"\r\n\r\n")
        peer.send(client_frame(TEXT, BOOT), client_frame(TEXT, heartbeat()))
        for unique_id in ("boot", "1"):
            assert json.loads((await peer.receive())[1])[:2] == [3, unique_id]
        peer.close()


def refuse_certificate(port: int) -> None:
    """Begin a handshake, and end it with an alert because the certificate is not trusted."""
    context = ssl.create_default_context()
    with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="localhost")


def client_hello() -> bytes:
    """The first message of a TLS handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="x")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()
