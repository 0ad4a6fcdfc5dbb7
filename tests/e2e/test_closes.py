"""Closes that csms decides: the record says why, and those that are trouble are counted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.e2e.test_websocket import PING, TEXT, raw
from tests.support.pages import sign_in
from tests.support.raw_socket import client_frame
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

KEY = "correct horse battery"


async def closed_for(system: System, charge_point_id: str = "CP1") -> Any:
    """The reason that REST shows, once there is one."""

    async def read() -> dict[str, Any]:
        _, record = await system.rest("GET", f"/admin/charge-points/{charge_point_id}")
        return dict(record)

    record = await eventually(read, lambda record: record["closedByCsmsAt"])
    return record["closedByCsmsReason"]


async def counted(system: System) -> dict[str, int]:
    """The closes in the record, by reason, once there are any."""
    record = await eventually(system.record, lambda record: record.get("protocolTrouble"))
    closes: dict[str, int] = record["protocolTrouble"]["closes"]
    return closes


async def test_a_broken_protocol(system: System) -> None:
    async with raw(system) as peer:
        peer.send(client_frame(TEXT, b"[]", masked=False))
        assert await peer.close_code() == 1002
        assert await peer.end() == b""
    assert await closed_for(system) == "frames of clients must be masked"
    assert await counted(system) == {"frames of clients must be masked": 1}
    _, page = await (await sign_in(system, "viewer")).page("/charge-points/CP1")
    assert "Last closed by csms" in page and "frames of clients must be masked" in page
    metrics = (await system.fetch("GET", "/metrics")).body.decode()
    assert 'csms_protocol_trouble_total{kind="closes"} 1.0' in metrics


async def test_while_a_socket_closes_commands_are_not_sent(system: System) -> None:
    async with raw(system) as peer:
        # It does not answer the close frame, so the socket stays for a while.
        peer.send(client_frame(TEXT, b"[]", masked=False))
        assert await peer.close_code() == 1002
        status, problem = await system.rest(
            "POST", "/admin/charge-points/CP1/commands", {"action": "ClearCache", "payload": {}}
        )
        assert (status, problem["outcome"]) == (409, "notSent")


async def test_a_slow_reader(system: System) -> None:
    async with raw(system) as peer:
        peer.writer.transport.pause_reading()
        pings = client_frame(PING, bytes(125)) * 500
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(20):
                while True:
                    peer.send(pings)
                    await peer.writer.drain()
                    await asyncio.sleep(0)
    assert await closed_for(system) == "Does not read"
    assert await counted(system) == {"Does not read": 1}


async def test_too_much_that_cannot_be_read(system: System) -> None:
    charge_point = await system.online()
    for _ in range(1_000):
        if charge_point.socket.close_code is not None:
            break
        charge_point.send("no JSON")
        await asyncio.sleep(0)
    assert await charge_point.closed() == (1008, "Too many unreadable messages")
    assert await closed_for(system) == "Too many unreadable messages"


async def test_one_that_is_replaced(system: System) -> None:
    await system.whitelist("CP1", authorizationKey=KEY)
    first = await system.connect("CP1", password=KEY)
    await first.boot()
    second = await system.connect("CP1", password=KEY)
    await first.closed()
    assert await closed_for(system) == "Replaced by a new connection"
    assert await counted(system) == {"Replaced by a new connection": 1}
    assert (await second.boot())["status"] == "Accepted"


async def test_one_that_may_not_connect_any_more_is_no_trouble(system: System) -> None:
    charge_point = await system.online()
    await system.rest("PATCH", "/admin/charge-points/CP1", {"isWhitelisted": False})
    await charge_point.closed()
    assert await closed_for(system) == "Not whitelisted"
    system.central_system.held.store_signs_of_life()
    await system.central_system.telemetry.close()
    assert (await system.record())["protocolTrouble"] == {}


async def test_one_that_closes_itself_or_is_turned_away_leaves_the_record_alone(
    system: System,
) -> None:
    await system.whitelist("CP1", serialNumber="SN-1")
    impostor = await system.connect("CP1")
    await impostor.boot(chargePointSerialNumber="SN-2")
    assert await impostor.closed() == (1008, "Serial mismatch")
    charge_point = await system.connect("CP1")
    await charge_point.boot()
    await charge_point.close()
    await eventually(system.record, lambda record: record["disconnectedAt"])
    await system.central_system.telemetry.close()
    assert (await system.record())["closedByCsmsAt"] is None
