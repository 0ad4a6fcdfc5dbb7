"""Admission, step by step, on real sockets."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from tornado.httpclient import HTTPClientError

from csms.config import Settings
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

KEY = "correct horse battery"


async def rejections(system: System) -> list[tuple[Any, str, int]]:
    found = await system.database.rejected_connections.find().to_list(None)
    return [(r["chargePointIdentity"], r["reason"], r["count"]) for r in found]


async def http_status(system: System, identity: str, **options: Any) -> int:
    with pytest.raises(HTTPClientError) as refused:
        await system.connect(identity, **options)
    return int(refused.value.code)


async def test_step_1_a_path_without_identity_is_closed(system: System) -> None:
    charge_point = await system.connect("")
    assert await charge_point.closed() == (1008, "Missing chargePointIdentity")
    assert await rejections(system) == [(None, "Missing chargePointIdentity", 1)]


@pytest.mark.parametrize("path", ["A%2FB", "A%00", "%FF", "A" * 256])
async def test_step_1_an_impossible_identity_is_refused(system: System, path: str) -> None:
    host, port = urlsplit(system.http).netloc.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET /ocpp/1.6/{path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
    )
    assert (await reader.readline()).split()[1].startswith(b"4")
    writer.close()


async def test_step_1_the_identity_is_decoded_once(system: System) -> None:
    await system.whitelist("สถานี 1%20", id="CP")
    charge_point = await system.connect("สถานี 1%20")
    assert (await charge_point.boot())["status"] == "Accepted"


@pytest.mark.parametrize("offered", [[], ["ocpp2.0.1"]])
async def test_step_2_no_usable_subprotocol_is_a_400(system: System, offered: list[str]) -> None:
    await system.whitelist("CP1")
    assert await http_status(system, "CP1", subprotocols=offered) == 400
    assert await rejections(system) == [("CP1", "Unsupported sub-protocol", 1)]


async def test_step_2_ocpp16_is_picked_from_what_is_offered(system: System) -> None:
    await system.whitelist("CP1")
    charge_point = await system.connect("CP1", subprotocols=["ocpp2.0.1", "ocpp1.6"])
    assert charge_point.socket.selected_subprotocol == "ocpp1.6"


async def test_step_3_who_is_not_listed_is_closed_and_counted(system: System) -> None:
    await system.whitelist("CP1", isWhitelisted=False)
    for identity in ("CP1", "CP1", "stranger"):
        charge_point = await system.connect(identity)
        assert await charge_point.closed() == (1008, "Not whitelisted")
    assert sorted(await rejections(system)) == [
        ("CP1", "Not whitelisted", 2),
        ("stranger", "Not whitelisted", 1),
    ]
    assert (await system.record())["ocppSessionId"] is None


async def test_step_3_can_be_a_404(system: System) -> None:
    system.central_system.settings.reject_with = "http"
    assert await http_status(system, "stranger") == 404
    assert await rejections(system) == [("stranger", "Not whitelisted", 1)]


async def test_step_4_credentials_are_asked_for_when_the_record_has_any(system: System) -> None:
    await system.whitelist("CP1", authorizationKey=KEY)
    for password in (None, "wrong horse battery"):
        assert await http_status(system, "CP1", password=password) == 401
    assert await rejections(system) == [("CP1", "Unauthorized", 2)]
    for password in (KEY, KEY.encode().hex()):
        charge_point = await system.connect("CP1", password=password)
        assert (await charge_point.boot())["status"] == "Accepted"
        await charge_point.close()


async def test_step_4_the_user_name_is_the_identity(system: System) -> None:
    await system.whitelist("CP1", authorizationKey=KEY)
    await system.whitelist("CP2", authorizationKey=KEY)
    with pytest.raises(HTTPClientError) as refused:
        await system.connect("CP1", headers={"Authorization": "Basic Q1AyOmNvcnJlY3QgaG9yc2U="})
    assert refused.value.code == 401


async def test_step_4_a_hex_key_may_come_as_raw_bytes(system: System) -> None:
    raw = bytes(range(200, 220))
    await system.whitelist("CP1", authorizationKey=raw.hex())
    charge_point = await system.connect("CP1", password=raw)
    assert (await charge_point.boot())["status"] == "Accepted"


async def test_step_5_an_impostor_cannot_throw_a_charge_point_out(system: System) -> None:
    first = await system.online("CP1")
    second = await system.connect("CP1")
    assert await second.closed() == (1008, "Already connected")
    assert await first.call("Heartbeat", {})
    assert await rejections(system) == [("CP1", "Already connected", 1)]


async def test_step_5_credentials_replace_the_old_socket(system: System) -> None:
    await system.whitelist("CP1", authorizationKey=KEY)
    first = await system.connect("CP1", password=KEY)
    await first.boot()
    second = await system.connect("CP1", password=KEY)
    await second.boot()
    session = (await system.record())["ocppSessionId"]
    await first.closed()
    assert await second.call("Heartbeat", {})
    assert (await system.record())["ocppSessionId"] == session is not None


async def test_step_5_a_dead_socket_is_replaced(system: System) -> None:
    system.central_system.settings.replace_ping_timeout = 0.05
    await system.whitelist("CP1")
    host, port = urlsplit(system.http).netloc.split(":")
    # A raw socket that was upgraded and then neither reads nor answers anything.
    with socket.create_connection((host, int(port))) as dead:
        dead.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(
            dead,
            b"GET /ocpp/1.6/CP1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n",
        )
        assert (await loop.sock_recv(dead, 1000)).startswith(b"HTTP/1.1 101")
        await eventually(system.record, lambda record: record["ocppSessionId"])
        second = await system.connect("CP1")
        assert (await second.boot())["status"] == "Accepted"


async def test_step_6_a_serial_binds_the_identity(system: System) -> None:
    await system.whitelist(None, id="CP", serialNumber="SN-1")
    charge_point = await system.connect("new-identity")
    early = await charge_point.ask("Heartbeat", {})
    assert early[0] == 4 and early[2] == "SecurityError"
    assert (await charge_point.boot(chargePointSerialNumber=" sn-1 "))["status"] == "Accepted"
    assert await charge_point.call("Heartbeat", {})
    record = await system.record("CP")
    assert record["chargePointIdentity"] == "new-identity"
    assert record["serialNumber"] == "SN-1"
    assert record["reportedSerialNumber"] == "sn-1"
    assert record["ocppSessionId"]
    await charge_point.close()
    again = await system.connect("new-identity")
    assert await again.call("Heartbeat", {})


async def test_step_6_another_serial_is_turned_away(system: System) -> None:
    await system.whitelist(None, id="CP", serialNumber="SN-1")
    charge_point = await system.connect("new-identity")
    assert (await charge_point.boot(chargePointSerialNumber="SN-2"))["status"] == "Rejected"
    assert await charge_point.closed() == (1008, "Not whitelisted")
    assert (await system.record("CP"))["chargePointIdentity"] is None
    assert await rejections(system) == [("new-identity", "Not whitelisted", 1)]


async def test_step_6_who_does_not_boot_in_time_is_turned_away(system: System) -> None:
    system.central_system.settings.boot_deadline = 0.05
    await system.whitelist(None, id="CP", serialNumber="SN-1")
    charge_point = await system.connect("new-identity")
    assert await charge_point.closed() == (1008, "Not whitelisted")


@pytest.mark.parametrize(
    "field", ["chargePointSerialNumber", "chargeBoxSerialNumber", "serialNumber"]
)
async def test_step_7_a_serial_mismatch_rejects_and_closes(system: System, field: str) -> None:
    await system.whitelist("CP1", serialNumber="SN-1")
    before = await system.record()
    charge_point = await system.connect("CP1")
    answer = await charge_point.boot(**{field: "SN-2"})
    assert answer["status"] == "Rejected"
    assert answer["interval"] == system.central_system.settings.boot_retry_interval
    assert await charge_point.closed() == (1008, "Serial mismatch")
    assert await rejections(system) == [("CP1", "Serial mismatch", 1)]
    assert await system.record() == before


async def test_step_7_an_accepted_boot_is_stored(system: System) -> None:
    await system.whitelist("CP1", serialNumber="SN-1")
    charge_point = await system.connect("CP1")
    answer = await charge_point.boot(chargeBoxSerialNumber="sn-1 ", iccid="89", meterType="M")
    assert answer["status"] == "Accepted"
    assert answer["interval"] == 300
    assert answer["currentTime"].endswith("Z")
    record = await system.record()
    assert {
        name: record[name]
        for name in ("vendor", "model", "firmwareVersion", "iccid", "imsi", "meterType",
                     "serialNumber", "reportedSerialNumber", "registrationStatus",
                     "heartbeatIntervalSec", "ocppProtocolRaw")
    } == {
        "vendor": "Acme", "model": "One", "firmwareVersion": "1.2.3", "iccid": "89",
        "imsi": None, "meterType": "M", "serialNumber": "SN-1", "reportedSerialNumber": "sn-1",
        "registrationStatus": "Accepted", "heartbeatIntervalSec": 300,
        "ocppProtocolRaw": "ocpp1.6",
    }  # fmt: skip
    assert record["ocppSessionId"] and record["lastSeen"] and record["lastBootAt"]
    [boot] = await system.database.boot_notifications.find().to_list(None)
    assert boot["verdict"] == "Accepted"
    assert boot["payload"]["chargeBoxSerialNumber"] == "sn-1 "


async def test_calls_before_the_first_boot_are_a_security_error(system: System) -> None:
    await system.whitelist("CP1")
    charge_point = await system.connect("CP1")
    frame = await charge_point.ask("Heartbeat", {}, "x1")
    assert frame[:3] == [4, "x1", "SecurityError"]
    await charge_point.boot()
    assert await charge_point.call("Heartbeat", {})


async def test_after_a_reconnect_no_boot_is_needed(system: System) -> None:
    first = await system.online("CP1")
    await first.close()
    await eventually(system.record, lambda record: record["ocppSessionId"] is None)
    second = await system.connect("CP1")
    assert await second.call("Heartbeat", {})
    assert (await system.record())["ocppSessionId"]


async def test_un_whitelisting_closes_the_socket(system: System) -> None:
    charge_point = await system.online("CP1")
    status, record = await system.rest(
        "PATCH", "/admin/charge-points/CP1", {"isWhitelisted": False}
    )
    assert status == 200 and record["isWhitelisted"] is False
    assert await charge_point.closed() == (1008, "Not whitelisted")
    record = await eventually(system.record, lambda record: record["ocppSessionId"] is None)
    assert record["disconnectedAt"]
    second = await system.connect("CP1")
    assert await second.closed() == (1008, "Not whitelisted")


async def test_deleting_closes_the_socket(system: System) -> None:
    charge_point = await system.online("CP1")
    status, _ = await system.rest("DELETE", "/admin/charge-points/CP1")
    assert status == 204
    assert await charge_point.closed() == (1008, "Not whitelisted")


async def test_an_origin_is_no_obstacle(system: System) -> None:
    await system.whitelist("CP1")
    charge_point = await system.connect("CP1", headers={"Origin": "https://elsewhere.example"})
    assert (await charge_point.boot())["status"] == "Accepted"


class TestCrowd:
    """More newcomers at once than are let in."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_connects_per_second": 1})

    async def test_the_others_are_told_when_to_come_again(self, system: System) -> None:
        await system.whitelist("CP1")
        await system.whitelist("CP2")
        charge_point = await system.connect("CP1")
        with pytest.raises(HTTPClientError) as refused:
            await system.connect("CP2")
        assert refused.value.code == 503
        assert refused.value.response is not None
        assert refused.value.response.headers["Retry-After"] == "2"
        assert (await charge_point.boot())["status"] == "Accepted"
        found = await eventually(lambda: rejections(system), bool)
        assert found == [(None, "Too many at once", 1)]
