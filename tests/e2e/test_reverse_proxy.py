"""csms behind a real nginx, set up as the guide says, with clients that forge what proxies say."""

from __future__ import annotations

import asyncio
import getpass
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from csms.config import Settings
from tests.support import PATIENCE
from tests.support.charge_point import ScriptedChargePoint
from tests.support.pages import Visitor
from tests.support.system import ADMIN_TOKEN, System

pytestmark = [pytest.mark.long, pytest.mark.gen_test]

GUIDE = Path(__file__).parents[2] / "docs" / "reverse-proxy.md"
KEY = "the right key, 16+"
FORGED = {
    "X-Forwarded-For": "198.51.100.7, 127.0.0.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Port": "1",
    "X-Real-IP": "198.51.100.8",
    "X-Scheme": "https",
    "X-Forwarded": "for=198.51.100.9",
    "Forwarded": "for=198.51.100.9;proto=https;host=evil.example",
    "X-Client-IP": "198.51.100.10",
    "True-Client-IP": "198.51.100.10",
}
CLIENT = "127.0.0.2"
"""Where the clients of these tests come from: the proxy has 127.0.0.1, and is alone trusted."""


def nginx() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    assert found, "install nginx: scripts/test --all does so when it is run by root"
    return found


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def settings(settings: Settings) -> Settings:
    proxies = (ip_network("127.0.0.1"),)
    return settings.model_copy(update={"trust_proxy_headers": proxies, "ping_interval": 25})


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "csms.pem")
    issued.private_key_pem.write_to_path(tmp_path / "csms.key")
    return tmp_path / "ca.pem"


def example(folder: Path, port: int, behind: int) -> str:
    """The guide's example, with the ports and files of this test."""
    [text] = re.findall(r"```nginx\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    for old, new in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("server_name csms.example.org", "server_name localhost"),
        ("/etc/ssl/csms", str(folder / "csms")),
        ("http://127.0.0.1:9000", f"http://127.0.0.1:{behind}"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


@asynccontextmanager
async def proxied(folder: Path, behind: int) -> AsyncIterator[int]:
    """A running nginx before csms; yields its port."""
    port = free_port()
    places = "\n".join(
        f"  {kind}_temp_path {folder / kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"user {getpass.getuser()};\npid {folder / 'nginx.pid'};\n"
        "daemon off;\nworker_processes 1;\n"
        f"error_log stderr;\nevents {{}}\nhttp {{\n  access_log off;\n{places}\n"
        f"{example(folder, port, behind)}\n}}\n"
    )
    arguments = ("-p", str(folder), "-c", str(config), "-e", "stderr")
    process = await asyncio.create_subprocess_exec(
        nginx(), *arguments, stderr=asyncio.subprocess.PIPE
    )
    try:
        await until_it_listens(process, port)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def until_it_listens(process: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            assert process.returncode is None, await process.stderr.read()  # type: ignore[union-attr]
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


async def raw_get(port: int, path: str, headers: dict[str, str], tls: ssl.SSLContext | None) -> str:
    """The head of an answer to a client at an address of its own."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1",
        port,
        ssl=tls,
        server_hostname="localhost" if tls else None,
        local_addr=(CLIENT, 0),
    )
    lines = {"Host": f"localhost:{port}", **headers, "Connection": "close"}
    sent = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"GET {path} HTTP/1.1\r\n{sent}\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    return answer.decode()


class Outside:
    """A client of nginx."""

    def __init__(self, port: int, ca: Path) -> None:
        self.http = f"https://localhost:{port}"
        self.ca = str(ca)

    async def fetch(self, path: str, method: str = "GET", body: Any = None) -> HTTPResponse:
        request = HTTPRequest(
            self.http + path,
            method=method,
            body=body,
            headers={"Authorization": f"Bearer {ADMIN_TOKEN}", **FORGED},
            ca_certs=self.ca,
            allow_nonstandard_methods=True,
        )
        return await AsyncHTTPClient().fetch(request, raise_error=False)


async def test_a_charge_point_over_wss_counts_as_tls(
    system: System, tmp_path: Path, ca: Path
) -> None:
    await system.whitelist(authorizationKey=KEY, securityProfile=2)
    async with proxied(tmp_path, system.central_system.port) as port:
        charge_point = await ScriptedChargePoint.connect(
            f"wss://localhost:{port}/ocpp/1.6",
            "CP1",
            password=KEY,
            headers=FORGED,
            ca_certs=str(ca),
        )
        assert (await charge_point.boot())["status"] == "Accepted"
        assert (await system.record())["remoteAddress"] == "127.0.0.1"
        await charge_point.close()


async def test_what_a_client_says_of_itself_does_not_count(
    system: System, tmp_path: Path, ca: Path
) -> None:
    tls = ssl.create_default_context(cafile=str(ca))
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": "ocpp2.0",
    }
    async with proxied(tmp_path, system.central_system.port) as port:
        own = system.central_system.port
        for at, context in ((port, tls), (own, None)):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1",
                at,
                ssl=context,
                local_addr=(CLIENT, 0),
                server_hostname="localhost" if context else None,
            )
            lines = {"Host": "localhost", **FORGED, **upgrade}
            sent = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            writer.write(f"GET /ocpp/1.6/STRANGER HTTP/1.1\r\n{sent}\r\n".encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            assert head.startswith(b"HTTP/1.1 400"), head
            writer.close()
        _, page = await system.rest("GET", "/admin/rejected-connections")
        [one] = page["items"]
        assert (one["remoteAddress"], one["count"]) == (CLIENT, 2)
        # Directly, without TLS, nothing makes it look like TLS or another host.
        answer = await raw_get(own, "/sign-in", FORGED, None)
        assert "Strict-Transport-Security" not in answer
        assert "evil" not in answer and "; Secure" not in answer
        answer = await raw_get(port, "/sign-in", FORGED, tls)
        assert "Strict-Transport-Security: max-age=" in answer
        assert "evil" not in answer and "; Secure" in answer


async def test_a_profile_that_asks_for_tls_is_not_met_by_a_header(
    system: System, tmp_path: Path, ca: Path
) -> None:
    await system.whitelist(authorizationKey=KEY, securityProfile=2)
    async with proxied(tmp_path, system.central_system.port):
        with pytest.raises(HTTPClientError) as caught:
            # This is the proxy's own address, which is trusted: only nginx may come from there.
            await system.connect(
                password=KEY, headers={"X-Scheme": "https", "Forwarded": "proto=https"}
            )
        assert caught.value.code == 401


async def test_rest_pages_and_links_to_files(system: System, tmp_path: Path, ca: Path) -> None:
    charge_point = await system.online()
    async with proxied(tmp_path, system.central_system.port) as port:
        outside = Outside(port, ca)
        assert (await outside.fetch("/admin/charge-points")).code == 200
        uploaded = await outside.fetch("/admin/files?name=v2.bin", "POST", b"x" * 3_000_000)
        assert uploaded.code == 201, uploaded.body
        asking = asyncio.ensure_future(
            outside.fetch("/admin/charge-points/CP1/get-diagnostics", "POST", b"")
        )
        unique_id, payload = await charge_point.expect("GetDiagnostics")
        assert payload["location"].startswith(f"https://localhost:{port}/files/")
        charge_point.reply(unique_id, {"fileName": "d.tgz"})
        assert (await asking).code == 200
        put = await outside.fetch(payload["location"].removeprefix(outside.http), "PUT", b"log")
        assert put.code == 201
        page = await outside.fetch("/sign-in")
        assert page.code == 200 and b'href="/static/admin/admin.css"' in page.body
        assert (await outside.fetch("/static/admin/admin.css")).code == 200


async def test_live_updates_are_not_held_back(system: System, tmp_path: Path, ca: Path) -> None:
    await system.whitelist()
    tls = ssl.create_default_context(cafile=str(ca))
    async with proxied(tmp_path, system.central_system.port) as port:
        visitor = Visitor(system)
        await visitor.post("/sign-in", name="", secret=ADMIN_TOKEN)
        cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname="localhost"
        )
        writer.write(
            f"GET /live?collections=charge_points HTTP/1.1\r\nHost: localhost:{port}\r\n"
            f"Cookie: {cookies}\r\n\r\n".encode()
        )
        async with asyncio.timeout(PATIENCE):
            await reader.readuntil(b"event: live")
            await system.rest("PATCH", "/admin/charge-points/CP1", {"name": "New"})
            await reader.readuntil(b"event: changed")
        writer.close()
