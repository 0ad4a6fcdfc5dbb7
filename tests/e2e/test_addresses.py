"""Charge points, admin pages and metrics at addresses of their own: each serves its own alone."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from tornado.httpclient import HTTPClientError

from csms.config import Settings
from csms.embedded_mongod import free_port
from csms.web.api.routes import ROUTES
from csms.web.pages.routes import PAGES
from tests.e2e import test_serve
from tests.e2e.test_workers import pid_of
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import ADMIN_TOKEN, Client, System, eventually

PREFIXES = ["", "/my/csms"]


@pytest.fixture(params=PREFIXES, ids=["plain", "prefixed"])
def prefix(request: pytest.FixtureRequest) -> str:
    return cast(str, request.param)


@pytest.fixture
def settings(settings: Settings, prefix: str) -> Settings:
    ports = {"admin_port": free_port(), "metrics_port": free_port(), "path_prefix": prefix}
    return settings.model_copy(update=ports)


@pytest.fixture
def metrics(settings: Settings) -> Client:
    return Client(f"http://127.0.0.1:{settings.metrics_port}")


@pytest.fixture
def charge_points(system: System) -> Client:
    """The address of charge points."""
    return Client(system.http)


@pytest.fixture
def admin(system: System, charge_points: Client) -> System:
    """The address of the admin pages; `system` talks to it from now on."""
    system.http = f"http://127.0.0.1:{system.central_system.ports['admin_port']}"
    return system


def targets() -> list[str]:
    """A path for each route of REST and pages, and for what stands beside them."""
    paths = [route.path for route in ROUTES] + [path for path, _ in PAGES]
    filled = [re.sub(r"\([^)]*\)|\{[^}]*\}", "x", path) for path in paths]
    return [
        *filled, "/metrics", "/openapi.json", "/docs", "/docs/static/docs.css",
        "/static/admin/admin.css", "/static/charts/chart.js", "/admin", "//admin/charge-points",
        "/ocpp/../admin/charge-points", "/%61dmin/charge-points", "/files/../admin/tokens",
        "/admin/charge-points;x", "http://other/admin/charge-points",
    ]  # fmt: skip


@pytest.mark.gen_test(timeout=60)
async def test_commands_that_ask_the_port_of_charge_points_name_the_option(
    admin: System, charge_points: Client
) -> None:
    url, token = charge_points.http, ADMIN_TOKEN
    simulate = ["simulate", "--count", "1", "--duration", "0.1", "--whitelist-with", token]
    for command, option in (
        ([*simulate, "--url", url.replace("http", "ws")], "--admin-url"),
        (["export", "--token", token, "--url", url], "--url"),
    ):
        status, said = await run(*command)
        assert status == 2 and "admin_port" in said and option in said, said
        status, said = await run(*command, option, admin.http)
        assert status == 0, said


async def run(*command: str) -> tuple[int | None, str]:
    """Run a command of csms; returns its exit status and what it says of errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "csms", *command, stdout=DEVNULL, stderr=PIPE
    )
    _, said = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.gen_test(timeout=60)
async def test_nothing_of_rest_and_pages_is_at_the_port_of_charge_points(
    admin: System, charge_points: Client, prefix: str
) -> None:
    assert len(targets()) > 80
    for target in targets():
        for path in {target, prefix + target}:
            for method in ("GET", "POST"):
                answer = await raw_request(charge_points, method, path)
                assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 405")), (method, path, answer)
                assert b"<html" not in answer


async def raw_request(client: Client, method: str, target: str) -> bytes:
    """A request with an admin's token and the target as it is; returns the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(client.http).port)
    writer.write(
        f"{method} {target} HTTP/1.1\r\nHost: cs\r\nAccept: text/html\r\nConnection: close\r\n"
        f"Authorization: Bearer {ADMIN_TOKEN}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.gen_test
async def test_charge_points_are_served_at_their_port_alone(
    admin: System, charge_points: Client
) -> None:
    await admin.whitelist("CP1", authorizationKey="correct horse battery")
    charge_point = await ScriptedChargePoint.connect(
        charge_points.ocpp, "CP1", password="correct horse battery"
    )
    assert (await charge_point.boot())["status"] == "Accepted"
    with pytest.raises(HTTPClientError, match="404"):
        await ScriptedChargePoint.connect(admin.ocpp, "CP1", password="correct horse battery")
    _, page = await admin.rest("GET", "/admin/rejected-connections")
    [turned_away] = page["items"]
    assert turned_away["reason"] == "Port of the admin pages"
    assert turned_away["chargePointIdentity"] == "CP1"
    assert "currentTime" in await charge_point.call("Heartbeat", {})
    await charge_point.close()


@pytest.mark.gen_test
async def test_files_are_fetched_at_the_port_of_charge_points(
    admin: System, charge_points: Client, prefix: str
) -> None:
    await admin.whitelist("CP1")
    charge_point = await ScriptedChargePoint.connect(charge_points.ocpp, "CP1")
    await charge_point.boot()
    sent: list[dict[str, Any]] = []
    charge_point.answers["UpdateFirmware"] = lambda payload: sent.append(payload) or {}
    _, file = await admin.rest("POST", "/admin/files?name=v2.bin", b"firmware")
    status, _ = await admin.rest(
        "POST", "/admin/charge-points/CP1/update-firmware", {"fileId": file["id"]}
    )
    assert status == 200
    location = sent[0]["location"]
    assert location.startswith(f"{charge_points.http}{prefix}/files/")
    path = location.removeprefix(charge_points.http)
    assert (await charge_points.fetch("GET", path, token=None)).body == b"firmware"
    assert (await admin.fetch("GET", path, token=None)).code == 404
    page = (await admin.fetch("GET", "/sign-in", token=None)).body.decode()
    assert "<html" in page
    await charge_point.close()


@pytest.mark.gen_test
async def test_health_is_at_both_and_metrics_at_their_own(
    admin: System, charge_points: Client, metrics: Client
) -> None:
    for client in (admin, charge_points):
        assert (await client.rest("GET", "/healthz", token=None))[0] == 200
        assert (await client.rest("GET", "/readyz", token=None))[0] == 200
    assert b"csms_connections" in (await metrics.fetch("GET", "/metrics", token=None)).body
    for path in ("/", "/admin/charge-points", "/ocpp/1.6/CP1", "/healthz", "/sign-in"):
        assert (await metrics.fetch("GET", path)).code == 404


@pytest.mark.gen_test(timeout=120)
async def test_workers_share_both_ports_and_the_start_says_where(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, admin_port = free_port(), free_port()
    given = {
        "CSMS_PORT": port, "CSMS_ADMIN_PORT": admin_port, "CSMS_WORKERS": 2,
        "CSMS_MONGODB_URI": mongodb_uri, "CSMS_MONGODB_DATABASE": "csms_addresses",
        "CSMS_ADMIN_TOKEN": ADMIN_TOKEN,
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setitem(test_serve.SETTINGS, name, str(value))
    async with test_serve.serve(tmp_path) as process:
        await process.ready()
        assert f"admin pages    http://127.0.0.1:{admin_port}/" in process.said
        assert f"OCPP endpoint  ws://127.0.0.1:{port}/ocpp/1.6/" in process.said
        admin = Client(f"http://127.0.0.1:{admin_port}")
        charge_points = Client(f"http://127.0.0.1:{port}")

        async def nodes() -> list[dict[str, Any]]:
            _, page = await admin.rest("GET", "/admin/nodes")
            return list(page["items"])

        [one, two] = await eventually(nodes, lambda seen: len(seen) == 2)
        assert await pid_of(admin, ADMIN_TOKEN, one["id"]) != two["pid"]
        # The kernel spreads connections: enough of them reach both workers.
        for _ in range(16):
            assert (await admin.rest("GET", "/admin/charge-points"))[0] == 200
            assert (await charge_points.rest("GET", "/admin/charge-points"))[0] == 404
            assert (await charge_points.rest("GET", "/readyz", token=None))[0] == 200
