"""The WebSocket under OCPP, spoken to with raw bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from csms.config import Settings
from tests.support.raw_socket import RawSocket, client_frame, upgrade_request
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

TEXT, CONTINUATION, CLOSE, PING, PONG = 1, 0, 8, 9, 10
BOOT = json.dumps(
    [2, "boot", "BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "One"}]
).encode()


def heartbeat(unique_id: str = "1") -> bytes:
    return json.dumps([2, unique_id, "Heartbeat", {}]).encode()


@asynccontextmanager
async def raw(system: System, identity: str = "CP1") -> AsyncIterator[RawSocket]:
    """A charge point that has booted."""
    await system.whitelist(identity)
    peer = await RawSocket.connect(system.ocpp, identity)
    try:
        peer.send(client_frame(TEXT, BOOT))
        assert json.loads((await peer.receive())[1])[2]["status"] == "Accepted"
        yield peer
    finally:
        peer.close()


async def test_fragments_and_pings_byte_by_byte(system: System) -> None:
    async with raw(system) as peer:
        text = heartbeat()
        data = (
            client_frame(TEXT, text[:5], fin=False)
            + client_frame(PING, b"hello")
            + client_frame(CONTINUATION, text[5:])
        )
        for byte in data:
            peer.send(bytes([byte]))
            await peer.writer.drain()
        assert await peer.receive() == (PONG, b"hello")
        opcode, answer = await peer.receive()
        assert opcode == TEXT
        assert json.loads(answer)[:2] == [3, "1"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(client_frame(TEXT, b"[]", masked=False), 1002, id="not masked"),
        pytest.param(client_frame(0x40 | TEXT, b"[]"), 1002, id="compressed"),
        pytest.param(client_frame(TEXT, b"\xff"), 1007, id="not UTF-8"),
        pytest.param(client_frame(TEXT, bytes(1_048_577)), 1009, id="oversize"),
        pytest.param(
            client_frame(TEXT, bytes(700_000), fin=False)
            + client_frame(CONTINUATION, bytes(700_000)),
            1009,
            id="oversize in parts",
        ),
    ],
)
async def test_a_broken_protocol_closes_with_the_reason(
    system: System, data: bytes, code: int
) -> None:
    async with raw(system) as peer:
        peer.send(data)
        assert await peer.close_code() == code
        assert await peer.end() == b""


async def test_the_closing_handshake(system: System) -> None:
    async with raw(system) as peer:
        peer.send(client_frame(CLOSE, struct.pack("!H", 1000)))
        assert await peer.close_code() == 1000
        assert await peer.end() == b""
        await eventually(system.record, lambda record: record["ocppSessionId"] is None)


async def test_an_upgrade_without_a_proper_key_is_refused(system: System) -> None:
    for key in (b"short", b"not/base64!", b""):
        peer = await RawSocket.dial(system.ocpp)
        peer.send(upgrade_request("/ocpp/1.6", "CP1", key))
        await system.whitelist(f"CP-{len(key)}")
        assert b" 400 " in (await peer.reader.readline())
        peer.close()


async def test_a_slow_reader_is_dropped(system: System) -> None:
    async with raw(system) as peer:
        peer.writer.transport.pause_reading()
        pings = client_frame(PING, bytes(125)) * 500
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(20):
                while True:
                    peer.send(pings)
                    await peer.writer.drain()
                    await asyncio.sleep(0)


class TestPings:
    """Peers that are gone without a word are noticed."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"ping_interval": 0.1})

    async def test_one_that_has_answered_a_ping_is_closed_when_it_is_silent(
        self, system: System
    ) -> None:
        async with raw(system) as peer:
            assert (await peer.receive())[0] == PING
            peer.send(client_frame(PONG))
            await peer.end()
            record = await eventually(system.record, lambda one: one["ocppSessionId"] is None)
            assert record["answersPings"] is True
            record = await eventually(system.record, lambda one: one["closedByCsmsAt"])
            assert record["closedByCsmsReason"] == "Silent"
            record = await eventually(system.record, lambda one: one.get("protocolTrouble"))
            assert record["protocolTrouble"]["closes"] == {"Silent": 1}

    async def booted_before(self, system: System, **fields: object) -> RawSocket:
        """A charge point that connects again, with these fields on record."""
        await system.whitelist()
        fields["registrationStatus"] = "Accepted"
        await system.database.charge_points.update_one({}, {"$set": fields})
        return await RawSocket.connect(system.ocpp, "CP1")

    async def test_that_is_remembered_until_it_does_not_answer_any_more(
        self, system: System
    ) -> None:
        peer = await self.booted_before(system, answersPings=True)
        await peer.end()
        peer.close()
        await eventually(system.record, lambda record: record["answersPings"] is None)

    async def test_one_that_never_has_gets_two_and_a_half_heartbeat_intervals(
        self, system: System
    ) -> None:
        peer = await self.booted_before(system, heartbeatIntervalSec=0.4)
        # Each comes a ping interval after the one before: two are the limit of the others.
        for _ in range(4):
            assert await peer.receive() == (PING, b"")
        peer.send(client_frame(TEXT, heartbeat()))
        started = asyncio.get_running_loop().time()
        while (await peer.receive())[0] != TEXT:
            pass
        quirks = {"noPong": 1, "noBootAfterReconnect": 1}
        await eventually(system.record, lambda record: record["quirks"] == quirks)
        await peer.end()
        peer.close()
        assert asyncio.get_running_loop().time() - started >= 1.0
        record = await eventually(system.record, lambda one: one["closedByCsmsAt"])
        assert record["closedByCsmsReason"] == "Silent"
        assert record["answersPings"] is None

    async def test_a_heartbeat_interval_that_was_changed_counts(self, system: System) -> None:
        peer = await self.booted_before(system, heartbeatIntervalSec=0.2)
        await eventually(system.record, lambda record: record["ocppSessionId"])
        longer = {"heartbeatIntervalSec": 10_000}
        await system.database.charge_points.update_one({}, {"$set": longer})
        for _ in range(10):
            assert await peer.receive() == (PING, b"")
        peer.close()

    async def test_who_answers_pings_stays(self, system: System) -> None:
        async with raw(system) as peer:
            for _ in range(4):
                assert await peer.receive() == (PING, b"")
                peer.send(client_frame(PONG))
            peer.send(client_frame(TEXT, heartbeat()))
            assert (await peer.receive())[0] == TEXT


async def test_a_reset_connection_frees_the_charge_point(system: System) -> None:
    async with raw(system) as peer:
        own: socket.socket = peer.writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.send(client_frame(TEXT, heartbeat())[:7])
        peer.close()
        await eventually(system.record, lambda record: record["ocppSessionId"] is None)


async def test_frames_may_come_right_behind_the_request(system: System) -> None:
    await system.whitelist("CP1")
    peer = await RawSocket.dial(system.ocpp)
    peer.send(upgrade_request("/ocpp/1.6", "CP1"), client_frame(TEXT, BOOT))
    assert (await peer.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    assert json.loads((await peer.receive())[1])[2]["status"] == "Accepted"
    peer.close()


@pytest.mark.parametrize("first", [0, 100, 20_000, 300_000])
async def test_nothing_behind_the_request_is_lost_whatever_its_size(
    system: System, first: int
) -> None:
    await system.whitelist("CP1")
    peer = await RawSocket.dial(system.ocpp)
    await sent_and_answered(peer, first)
    peer.close()


async def sent_and_answered(peer: RawSocket, first: int) -> None:
    """Send 300 kB of Calls, `first` bytes of them right behind the request; all are answered."""
    ids = [str(number) for number in range(300)]
    calls = b"".join(client_frame(TEXT, heartbeat(one).ljust(1_000)) for one in ids)
    data = client_frame(TEXT, BOOT) + calls
    peer.send(upgrade_request("/ocpp/1.6", "CP1"), data[:first])
    assert (await peer.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    peer.send(data[first:])
    answers = [json.loads((await peer.receive())[1])[:2] for _ in range(301)]
    assert answers == [[3, one] for one in ["boot", *ids]]


async def test_a_flood_does_not_keep_others_waiting(system: System) -> None:
    other = await system.online("CP2")
    async with raw(system) as peer:
        peer.send(*(client_frame(TEXT, heartbeat(str(n))) for n in range(3_000)))
        asked = asyncio.ensure_future(other.call("Heartbeat", {}))
        answered = 0
        while not asked.done():
            await peer.receive()
            answered += 1
        assert answered < 1_000
