"""What stands at the edges: headers of every answer, browsers, echoed secrets, names, resets."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme
from tornado.httpclient import HTTPClientError

from csms.config import Settings
from csms.domain.configuration import MASK
from csms.repositories.credentials import StoredKeys
from tests.support import PATIENCE
from tests.support.pages import sign_in
from tests.support.raw_socket import RawSocket, upgrade_request
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

KEY = "Zq3-a new key of 24 chars"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130 Safari/537.36"


# Headers

ANSWERS = (
    ("GET", "/"), ("GET", "/sign-in"), ("GET", "/nothing"), ("GET", "/charge-points/x/y/z"),
    ("GET", "/static/admin/admin.css"), ("GET", "/static/admin/nothing.css"),
    ("GET", "/static/admin/../../config.py"), ("POST", "/static/admin/admin.css"),
    ("GET", "/static/charts/nothing"), ("GET", "/docs"), ("GET", "/docs/static/docs.js"),
    ("GET", "/docs/swagger-ui/nothing"), ("GET", "/openapi.json"), ("GET", "/healthz"),
    ("GET", "/readyz"), ("GET", "/metrics"), ("POST", "/metrics"), ("BREW", "/healthz"),
    ("GET", "/admin/charge-points"), ("GET", "/admin/nothing"), ("PUT", "/admin/charge-points"),
    ("POST", "/admin/charge-points"), ("GET", "/files/no-such-token-here"), ("PUT", "/sign-in"),
    ("GET", "/ocpp/1.6/CP1"), ("GET", "/ocpp/2.0/CP1"), ("OPTIONS", "/"), ("HEAD", "/healthz"),
    ("GET", "/live"), ("GET", "/charge-points.csv"), ("DELETE", "/admin/files/x"),
)  # fmt: skip


async def test_every_answer_says_what_a_browser_may_do_with_it(system: System) -> None:
    for method, path in ANSWERS:
        for token in (None, "test-admin-token"):
            answer = await system.fetch(method, path, token=token)
            policy = answer.headers.get("Content-Security-Policy", "")
            assert "frame-ancestors 'none'" in policy, (method, path, answer.code)
            assert answer.headers.get("X-Content-Type-Options") == "nosniff", (method, path)
            assert "Strict-Transport-Security" not in answer.headers, (method, path)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n:broken\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: odd\r\n\r\n",
    ],
)
async def test_so_does_the_answer_to_what_cannot_be_read(system: System, request_: bytes) -> None:
    visitor = await RawSocket.dial(system.http)
    visitor.send(request_)
    head = await visitor.end()
    assert head.startswith(b"HTTP/1.1 400")
    assert b"X-Content-Type-Options: nosniff\r\n" in head
    assert b"Content-Security-Policy: default-src 'none'" in head
    assert b"Strict-Transport-Security" not in head
    visitor.close()


async def test_a_file_whose_name_no_file_can_have_is_not_there(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    for root in ("/static/admin", "/static/charts", "/docs/static", "/docs/swagger-ui"):
        answer = await system.fetch("GET", f"{root}/a%00b", token=None)
        assert answer.code == 404, root
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


async def test_an_upgrade_is_answered_with_no_more_than_it_needs(system: System) -> None:
    await system.whitelist()
    visitor = await RawSocket.dial(system.http)
    visitor.send(upgrade_request("/ocpp/1.6", "CP1"))
    head = await asyncio.wait_for(visitor.reader.readuntil(b"\r\n\r\n"), PATIENCE)
    assert head.startswith(b"HTTP/1.1 101") and b"Content-Security-Policy" not in head
    visitor.close()


class TestBehindProxy:
    """What came by TLS, as a trusted proxy says."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"trust_proxy_headers": (ip_network("127.0.0.1"),)})

    async def test_hsts_is_for_what_came_by_tls(self, system: System) -> None:
        for method, path in ANSWERS:
            for scheme, is_there in (("https", True), ("http", False)):
                headers = {"X-Forwarded-Proto": scheme, "X-Forwarded-For": "192.0.2.7"}
                answer = await system.fetch(method, path, headers=headers)
                assert ("Strict-Transport-Security" in answer.headers) is is_there, (method, path)

    async def test_a_prefix_that_the_proxy_names(self, system: System) -> None:
        for path in ("/", "/my/csms/"):
            headers = {"X-Forwarded-Prefix": "/my/csms", "X-Forwarded-For": "192.0.2.7"}
            answer = await system.fetch("GET", f"{path}sign-in", headers=headers)
            assert b'href="/my/csms/static/admin/admin.css"' in answer.body
            assert "Path=/my/csms/" in answer.headers["Set-Cookie"]
        answer = await system.fetch("GET", "/sign-in", headers={"X-Forwarded-Prefix": "//evil"})
        assert b"evil" not in answer.body


# Browsers


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": CHROME, "Origin": "https://evil.example"},
        {"user-agent": " mozilla/4.0"},
        {"Sec-Fetch-Mode": "websocket", "User-Agent": "curl"},
        {"sec-fetch-dest": "websocket"},
    ],
)
async def test_a_browser_does_not_get_a_charge_points_socket(
    system: System, headers: dict[str, str]
) -> None:
    await system.whitelist()
    with pytest.raises(HTTPClientError) as caught:
        await system.connect(headers=headers)
    assert caught.value.code == 403
    _, page = await system.rest("GET", "/admin/rejected-connections")
    [one] = page["items"]
    assert (one["reason"], one["chargePointIdentity"]) == ("Opened by a browser", "CP1")
    pages = await sign_in(system)
    assert "refuse_browsers = false" in (await pages.page("/turned-away"))[1]


async def test_an_origin_alone_makes_no_browser(system: System) -> None:
    await system.whitelist()
    headers = {"Origin": "http://charger.local", "User-Agent": "Acme/1.0 (like Mozilla/5.0)"}
    charge_point = await system.connect(headers=headers)
    assert (await charge_point.boot())["status"] == "Accepted"


class TestBrowsersLetIn:
    """For charge points whose library says that it is a browser."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"refuse_browsers": False})

    async def test_they_are(self, system: System) -> None:
        await system.whitelist()
        charge_point = await system.connect(headers={"User-Agent": CHROME})
        assert (await charge_point.boot())["status"] == "Accepted"


# Secrets that are echoed


async def everything_kept(system: System) -> str:
    kept = []
    for name in await system.database.list_collection_names():
        kept += [repr(document) async for document in system.database[name].find()]
    return "\n".join(kept)


def echoes(key: str) -> list[str]:
    return [key, key.encode().hex(), base64.b64encode(f"CP1:{key}".encode()).decode(), quote(key)]


async def test_a_key_that_was_just_set_is_masked_wherever_it_is_echoed(
    system: System, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    charge_point = await system.verified()
    setting = asyncio.ensure_future(
        system.rest(
            "POST",
            "/admin/charge-points/CP1/commands",
            {
                "action": "ChangeConfiguration",
                "payload": {"key": "AuthorizationKey", "value": KEY},
            },
        )
    )
    unique_id, payload = await charge_point.expect("ChangeConfiguration")
    assert payload["value"] == KEY
    charge_point.send([4, unique_id, "GenericError", f"cannot set {KEY}", {"was": KEY}])
    status, problem = await setting
    assert status == 502 and KEY not in str(problem) and MASK in str(problem)

    for echo in echoes(KEY):
        for data in (echo, f'{{"note":"{echo}"}}'):
            await charge_point.ask("DataTransfer", {"vendorId": "V", "data": data})
        await charge_point.ask(f"Vendor{echo}"[:50], {"x": [echo]})
        charge_point.socket.write_message(f'[2,"{echo}","Heartbeat"')
    await charge_point.call(
        "StatusNotification",
        {"connectorId": 1, "errorCode": "OtherError", "status": "Faulted", "info": KEY},
    )
    await charge_point.call(
        "SecurityEventNotification",
        {"type": "Attempt", "timestamp": "2026-01-01T00:00:00Z", "techInfo": f"key is {KEY}"},
    )
    asking = asyncio.ensure_future(
        system.rest(
            "POST",
            "/admin/charge-points/CP1/commands",
            {"action": "DataTransfer", "payload": {"vendorId": "V"}},
        )
    )
    unique_id, _ = await charge_point.expect("DataTransfer")
    charge_point.reply(unique_id, {"status": "Accepted", "data": f"set to {KEY}"})
    _, answer = await asking
    assert answer["response"]["data"] == f"set to {MASK}"

    await eventually(lambda: system.database.messages.count_documents({}), lambda n: n >= 14)
    pages = await sign_in(system)
    shown = [(await pages.page(path))[1] for path in ("/charge-points/CP1", "/commands")]
    for everything in (await everything_kept(system), caplog.text, *capsys.readouterr(), *shown):
        for echo in echoes(KEY):
            assert echo[:40] not in everything


TOLD = "2026-01-01T00:00:00Z"
ECHOING_CALLS: dict[str, dict[str, Any]] = {
    "BootNotification": {
        "chargePointVendor": "Acme", "chargePointModel": KEY[:20], "firmwareVersion": KEY,
        "iccid": KEY[:20], "meterType": KEY, "chargePointSerialNumber": "SN-CP1",
    },
    "StatusNotification": {"connectorId": 1, "errorCode": KEY, "status": KEY, "timestamp": TOLD},
    "FirmwareStatusNotification": {"status": KEY},
    "DiagnosticsStatusNotification": {"status": KEY},
    "MeterValues": {
        "connectorId": 1,
        "meterValue": [
            {
                "timestamp": TOLD,
                "sampledValue": [
                    {"value": KEY, "format": "SignedData", "unit": KEY, "context": KEY},
                    {"value": "1234567890123456", "measurand": KEY},
                ],
            }
        ],
    },
    "StopTransaction": {
        "transactionId": 1, "meterStop": 250, "reason": KEY, "timestamp": TOLD,
        "transactionData": [{"timestamp": TOLD, "sampledValue": [{"value": KEY}]}],
    },
}  # fmt: skip


async def set_by_csv(system: System) -> None:
    csv = f"id,chargePointIdentity,serialNumber,authorizationKey\nCP1,CP1,SN-CP1,{KEY}\n"
    headers = {"Content-Type": "text/csv"}
    answer = await system.fetch("POST", "/admin/charge-points/import", csv, headers=headers)
    assert json.loads(answer.body)["created"] == 1


async def set_by_another_node(system: System) -> None:
    await system.whitelist(serialNumber="SN-CP1")
    keys = StoredKeys(system.database)
    reference = await keys.add("CP1", KEY, datetime.now(UTC))
    await system.database.charge_points.update_one(
        {"_id": "CP1"}, {"$set": {"authorizationKeyHash": reference}}
    )


@pytest.mark.parametrize("set_key", [set_by_csv, set_by_another_node])
async def test_a_key_is_masked_whoever_has_set_it_and_in_every_call(
    system: System, set_key: Callable[[System], Awaitable[None]]
) -> None:
    await set_key(system)
    charge_point = await system.connect(password=KEY)
    await charge_point.boot(chargePointSerialNumber="SN-CP1")
    await charge_point.call(
        "StartTransaction",
        {"connectorId": 1, "idTag": "TAG1", "meterStart": 100, "timestamp": TOLD},
    )
    for action, payload in ECHOING_CALLS.items():
        await charge_point.ask(action, payload)
    await charge_point.ask("DataTransfer", {"vendorId": "V", "data": KEY})
    with suppress(HTTPClientError):
        stranger = await system.connect(f"CP1-{KEY}")
        await stranger.closed()
    logged = system.database.messages
    await eventually(lambda: logged.count_documents({"action": "DataTransfer"}), bool)
    rejected = system.database.rejected_connections
    await eventually(lambda: rejected.count_documents({}), bool)
    assert KEY[:16] not in await everything_kept(system)
    # What is no secret is as it was sent.
    [reading] = await system.database.meter_values.find({"connectorId": 1}).to_list(1)
    assert "1234567890123456" in repr(reading)
    assert (await system.record())["registrationStatus"] == "Accepted"


async def test_one_time_urls_and_passwords_in_urls_are_masked_too(system: System) -> None:
    charge_point = await system.online()
    asking = asyncio.ensure_future(
        system.rest(
            "POST",
            "/admin/charge-points/CP1/commands",
            {
                "action": "GetDiagnostics",
                "payload": {"location": "ftp://ops:upload-Pass-77@ftp.example.org/in"},
            },
        )
    )
    unique_id, _ = await charge_point.expect("GetDiagnostics")
    charge_point.send([4, unique_id, "InternalError", "login ops / upload-Pass-77 failed", {}])
    _, problem = await asking
    asking = asyncio.ensure_future(
        system.rest("POST", "/admin/charge-points/CP1/get-diagnostics", {})
    )
    unique_id, payload = await charge_point.expect("GetDiagnostics")
    token = payload["location"].split("/files/")[1].strip("/")
    charge_point.reply(unique_id, {"fileName": "x"})
    await asking
    await charge_point.ask("DataTransfer", {"vendorId": "V", "data": f"no access with {token}"})
    await eventually(lambda: system.database.messages.count_documents({}), lambda n: n >= 4)
    kept = str(problem) + await everything_kept(system)
    assert "upload-Pass-77" not in kept
    messages = [repr(m) async for m in system.database.messages.find()]
    assert token not in "".join(messages)


async def test_secrets_in_a_charge_points_own_calls_are_masked_by_their_names(
    system: System,
) -> None:
    charge_point = await system.online()
    data = '{"wifi":{"ssid":"depot","psk":"the-wifi-key"},"api-key":"77-api"}'
    await charge_point.ask("DataTransfer", {"vendorId": "V", "data": data})
    await charge_point.ask("DataTransfer", {"vendorId": "V", "messageId": "SetPwd", "data": "p77"})
    await eventually(lambda: system.database.messages.count_documents({}), lambda n: n >= 3)
    kept = "".join([repr(m) async for m in system.database.messages.find()])
    assert "depot" in kept
    for secret in ("the-wifi-key", "77-api", "p77"):
        assert secret not in kept


# Names


@pytest.mark.parametrize("field", ["id", "chargePointIdentity", "serialNumber"])
async def test_a_new_name_with_hidden_characters_is_refused(system: System, field: str) -> None:
    body = {"id": "CP9", "chargePointIdentity": "CP9", field: "CP\u200b9"}
    status, problem = await system.rest("POST", "/admin/charge-points", body)
    assert status == 422
    [error] = problem["errors"]
    assert error["field"] == field
    assert "U+200B" in error["message"] and "remove it" in error["message"]


async def test_those_on_record_keep_working(system: System) -> None:
    old = "C\u0440\u200b1"
    await system.whitelist("CP1")
    await system.database.charge_points.update_one(
        {"_id": "CP1"}, {"$set": {"chargePointIdentity": old}}
    )
    charge_point = await system.connect(old)
    assert (await charge_point.boot())["status"] == "Accepted"
    path = "/admin/charge-points/CP1"
    # The page sends all its fields, as they are.
    status, _ = await system.rest("PATCH", path, {"chargePointIdentity": old, "name": "x"})
    assert status == 200
    status, problem = await system.rest("PATCH", path, {"chargePointIdentity": old + "2"})
    assert (status, problem["errors"][0]["field"]) == (422, "chargePointIdentity")
    pages = await sign_in(system)
    _, form = await pages.page("/charge-points/CP1/edit")
    assert f'value="{old}"' in form
    _, page = await pages.page("/charge-points/CP1")
    assert "[U+200B]" in page and "\u200b" not in page.split("<form")[0]


async def test_neither_does_an_import_or_a_visitor_bring_one_in(system: System) -> None:
    csv = "id,chargePointIdentity,serialNumber\nA,СР-1,\nB,CP-2,S\u202eN\nC,CP-3,SN-3\n"
    answer = await system.fetch(
        "POST", "/admin/charge-points/import", csv, headers={"Content-Type": "text/csv"}
    )
    rows = {row["id"]: row for row in json.loads(answer.body)["rows"]}
    assert rows["A"]["errors"][0]["field"] == "chargePointIdentity"
    assert rows["B"]["errors"][0]["field"] == "serialNumber"
    assert rows["C"]["result"] == "created"
    await system.whitelist(None, id="W", serialNumber="SN-W")
    with pytest.raises(HTTPClientError) as caught:
        await system.connect("CP-\u20664")
    assert caught.value.code == 400
    charge_point = await system.connect("CP-4")
    assert (await charge_point.boot(chargePointSerialNumber="SN-W"))["status"] == "Accepted"


async def test_pages_show_what_a_screen_would_obey(system: System) -> None:
    visitor = "EVIL\u202e-1"
    charge_point = await system.connect(visitor)
    await charge_point.closed()
    pages = await sign_in(system)
    _, page = await pages.page("/turned-away")
    assert "EVIL[U+202E]-1" in page
    # The button whitelists exactly what came, which is refused by name.
    assert f'value="{visitor}"' in page


# Resets


class TestTls:
    """Sockets that are gone before they are answered."""

    @pytest.fixture
    def settings(self, settings: Settings, tmp_path: Path) -> Settings:
        issued = trustme.CA().issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        issued.private_key_pem.write_to_path(tmp_path / "key.pem")
        files = {"tls_cert": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"}
        return settings.model_copy(update={**files, "tls_port": 0, "replace_ping_timeout": 0.01})

    async def test_a_reset_behind_the_upgrade_is_no_error(
        self, system: System, caplog: pytest.LogCaptureFixture
    ) -> None:
        await system.whitelist()
        ports = {"tls": system.central_system.tls_port, "plain": system.central_system.port}
        for kind, port in ports.items():
            assert port is not None
            for identity in ("CP1", "STRANGER"):
                await asyncio.to_thread(be_gone_at_once, port, identity, kind == "tls", 25)
        # All of them are through when one that came later is.
        charge_point = await system.connect()
        await charge_point.close()
        await eventually(system.record, lambda record: record["ocppSessionId"] is None)

        async def open_sockets() -> int:
            return len(system.central_system.sockets._registry)

        await eventually(open_sockets, lambda count: count == 0)
        errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert [record.getMessage() for record in errors] == []


def be_gone_at_once(port: int, identity: str, tls: bool, times: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for _ in range(times):
        plain: Any = socket.create_connection(("127.0.0.1", port))
        sock = context.wrap_socket(plain) if tls else plain
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(upgrade_request("/ocpp/1.6", identity))
        sock.close()
