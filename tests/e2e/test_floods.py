"""Attacks by quantity: junk connections, sign-ins, half-sent bodies, labels that are made up."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

import pytest

from csms.config import Settings
from csms.web import bodies
from tests.e2e.test_websocket import BOOT, TEXT
from tests.support import PATIENCE
from tests.support.pages import Visitor
from tests.support.raw_socket import RawSocket, client_frame, upgrade_request
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

REAL, JUNK = 12, 70


async def knock(system: System, identity: str, address: str) -> tuple[int, RawSocket]:
    """Ask for a socket from one of the addresses of this machine; returns the HTTP status."""
    port = system.central_system.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    peer = RawSocket(reader, writer)
    peer.send(upgrade_request("/ocpp/1.6", identity))
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    return int(answer.split()[1]), peer


class TestJunkConnections:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_connects_per_second": 40})

    @pytest.mark.parametrize("junk_from", ["127.0.0.2", "127.0.0.1"])
    async def test_they_keep_out_nobody_who_is_on_record(
        self, system: System, junk_from: str
    ) -> None:
        for number in range(REAL):
            await system.whitelist(f"REAL{number}")
        stop = False
        junk: Counter[int] = Counter()

        async def flood(lane: int) -> None:
            number = 0
            while not stop:
                number += 1
                status, peer = await knock(system, f"JUNK{lane}-{number}", junk_from)
                junk[status] += 1
                peer.close()

        lanes = [asyncio.ensure_future(flood(lane)) for lane in range(8)]
        await eventually(lambda: asyncio.sleep(0.01, junk.total()), lambda sent: sent >= JUNK)
        real = await asyncio.gather(
            *(knock(system, f"REAL{number}", "127.0.0.1") for number in range(REAL))
        )
        stop = True
        await asyncio.gather(*lanes)
        assert [status for status, _ in real] == [101] * REAL
        assert junk[503] > 0
        for _, peer in real:
            peer.send(client_frame(TEXT, BOOT))
            assert b"Accepted" in (await peer.receive())[1]
            peer.close()

    async def test_who_is_sent_away_reads_when_to_come_again(self, system: System) -> None:
        answers = [await knock(system, f"JUNK{number}", "127.0.0.2") for number in range(30)]
        assert {status for status, _ in answers} == {101, 503}
        for _, peer in answers:
            peer.close()


class TestSignIns:
    async def test_a_flood_takes_little_memory_and_charge_points_are_served(
        self, system: System, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The real hashing: each try would take 64 MB of its own."""
        monkeypatch.setattr(system.central_system.services.users.passwords, "_most", 4)
        charge_point = await system.online("CP1")
        visitor = Visitor(system)
        xsrf = await visitor.xsrf()
        peak, before = Peak(), resident()

        async def try_it(number: int) -> int:
            body = urlencode({"name": f"user {number}", "secret": "a guess", "_xsrf": xsrf})
            peer = await RawSocket.dial(system.ocpp)
            peer.send(
                "POST /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n"
                f"Cookie: _xsrf={visitor.cookies['_xsrf']}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            answer = await peer.end()
            peer.close()
            return int(answer.split()[1])

        tries = asyncio.gather(*(try_it(number) for number in range(200)))
        while not tries.done():
            assert await charge_point.call("Heartbeat", {})
            peak.note(resident() - before)
            await asyncio.sleep(0.005)
        codes = Counter(await tries)
        assert codes[503] >= 100 and codes[403] >= 4 and set(codes) <= {403, 429, 503}
        # One hash at a time takes 64 MB; six, as many as there were threads, 384.
        assert peak.megabytes < 200

    async def test_who_finds_it_full_is_asked_to_come_again(
        self, system: System, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pool = system.central_system.services.users.passwords
        monkeypatch.setattr(pool, "_most", 0)
        visitor = Visitor(system)
        response = await visitor.post("/sign-in", name="malee", secret="a password")
        assert response.code == 503 and int(response.headers["Retry-After"]) >= 1
        assert b"Try again in a moment" in response.body
        # Nothing was tried, and so nothing is counted.
        assert await system.database.limits.count_documents({}) == 0


class Peak:
    """The worst of what was seen."""

    megabytes = 0.0

    def note(self, megabytes: float) -> None:
        self.megabytes = max(self.megabytes, megabytes)


def resident() -> float:
    """The memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class TestHalfSentBodies:
    FORM = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nname="

    async def dial(self, system: System) -> RawSocket:
        return await RawSocket.dial(system.ocpp)

    async def test_they_are_given_up(self, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bodies, "STALLED_AFTER", 0.2)
        for request in (
            self.FORM,
            b"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nname=",
        ):
            peer = await self.dial(system)
            peer.send(request)
            assert await peer.end() == b""
            peer.close()

    async def test_drop_by_drop_too(self, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bodies, "PATIENCE", 0.3)
        peer = await self.dial(system)
        peer.send(self.FORM)
        with pytest.raises((ConnectionError, TimeoutError, AssertionError)):
            for _ in range(900):
                peer.send(b"x")
                await asyncio.sleep(0.01)
                assert not peer.reader.at_eof()
        peer.close()

    async def test_what_moves_on_goes_on(
        self, system: System, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A firmware file that takes longer than any stall may."""
        monkeypatch.setattr(bodies, "STALLED_AFTER", 2.0)
        monkeypatch.setattr(bodies, "PATIENCE", 0.1)
        token = (await system.rest("POST", "/admin/tokens", {"name": "x", "role": "admin"}))[1]
        peer = await self.dial(system)
        chunk = b"x" * 10_000
        peer.send(
            b"POST /admin/files?name=firmware.bin HTTP/1.1\r\nHost: x\r\n"
            b"Content-Type: application/octet-stream\r\n"
            + f"Authorization: Bearer {token['token']}\r\n".encode()
            + f"Content-Length: {len(chunk) * 20}\r\n\r\n".encode()
        )
        for _ in range(20):
            peer.send(chunk)
            await peer.writer.drain()
            await asyncio.sleep(0.02)
        answer = await asyncio.wait_for(peer.reader.readuntil(b"\r\n"), PATIENCE)
        assert answer.split()[1] == b"201"
        peer.close()

    async def test_large_ones_of_strangers_are_refused_before_they_come(
        self, system: System
    ) -> None:
        for path in ("/admin/files?name=x", "/sign-in", "/admin/charge-points/import"):
            peer = await self.dial(system)
            peer.send(
                f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 200000000\r\n\r\n".encode()
            )
            status = (await peer.end()).split()[1]
            assert status in (b"400", b"401"), path
            peer.close()


async def test_labels_of_metrics_come_from_closed_sets(system: System) -> None:
    charge_point = await system.online("CP1")
    for number in range(5):
        await charge_point.ask(f"MadeUp{number}", {})
        await charge_point.ask("StatusNotification", {"status": f"MadeUp{number}"})
        for path in ("/admin/MadeUp", "/MadeUp", "/admin/charge-points"):
            peer = await RawSocket.dial(system.ocpp)
            peer.send(
                f"MADEUP{number} {path}{number} HTTP/1.1\r\nHost: MadeUp{number}\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            await peer.end()
            peer.close()
        _, peer = await knock(system, f"MadeUp{number}", "127.0.0.1")
        peer.close()
    system.central_system.metrics.handshake_failed("MADEUP_REASON")
    metrics = system.central_system.metrics
    metrics.call_received("MadeUp", "MadeUpCode", 0.1)
    metrics.call_sent("MadeUp", "MadeUpCode", 0.1)
    for number in range(200):
        metrics.turned_away(f"MadeUp {number}")
    text = (await system.fetch("GET", "/metrics")).body.decode()
    assert 'method="other"' in text
    assert 'csms_failed_tls_handshakes_total{reason="other"} 1.0' in text
    found = set(re.findall(r"\{[^}]*(?:MADEUP|MadeUp)[^}]*\}", text))
    assert len(found) < 70 and all(label.startswith('{reason="MadeUp') for label in found)
