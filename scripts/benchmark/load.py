"""The load generator: charge points in a process of their own, on raw sockets.

It sends frames that are masked with a key of zeros, so that the client's masking costs nothing;
the server cannot know and unmasks as always. It is run as a process and prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import re
import resource
import struct
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

import orjson
import uvloop

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One", "firmwareVersion": "1.2.3"}
RETRY_AFTER = re.compile(rb"retry-after: *(\d+)", re.IGNORECASE)
SAMPLES = b",".join(
    b'{"value":"%s","measurand":"%s","unit":"%s","context":"Sample.Periodic"}' % sample
    for sample in (
        (b"230.1", b"Voltage", b"V"),
        (b"15.98", b"Current.Import", b"A"),
        (b"3677.0", b"Power.Active.Import", b"W"),
        (b"54", b"SoC", b"Percent"),
    )
)
METER = (
    b'[2,"%d","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"%s","sampledValue":['
    b'{"value":"%d","measurand":"Energy.Active.Import.Register","unit":"Wh",'
    b'"context":"Sample.Periodic"},' + SAMPLES + b"]}]}]"
)
ODD_METER = (
    b'[2,"%d","MeterValues",{"connectorId":1,"vendorSequence":17,"meterValue":[{"timestamp":"%s",'
    b'"sampledValue":[{"value":%d,"measurand":"Energy.Active.Import.Register","unit":"Wh"},'
    b'{"value":null,"measurand":"Temperature"},' + SAMPLES + b"]}]}]"
)


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A masked frame; the mask is zero."""
    if len(payload) < 126:
        return struct.pack("!BBI", 0x80 | opcode, 0x80 | len(payload), 0) + payload
    return struct.pack("!BBHI", 0x80 | opcode, 0xFE, len(payload), 0) + payload


def meter_values(number: int) -> bytes:
    """A MeterValues Call of five samples; no two are alike."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3].encode() + b"Z"
    return client_frame(METER % (number, now, number))


def odd_meter_values(number: int) -> bytes:
    """The same with quirks: a vendor's property, a number as value, a sample without one."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3].encode() + b"Z"
    return client_frame(ODD_METER % (number, now, number))


def heartbeat(number: int) -> bytes:
    """A Heartbeat Call."""
    return client_frame(b'[2,"%d","Heartbeat",{}]' % number)


class Peer(asyncio.Protocol):
    """One charge point."""

    def __init__(self, path: str, identity: str) -> None:
        loop = asyncio.get_running_loop()
        self.path = f"{path}/{identity}"
        self.ready = loop.create_future()
        self.synced = loop.create_future()
        self.lost = loop.create_future()
        self.retry_after = 1.0
        self.on_answer: Callable[[bytes], None] = lambda payload: None
        self._buffer = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.transport.write(
            f"GET {self.path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits."""
        for future in (self.ready, self.lost):
            if not future.done():
                future.set_result(False)

    def data_received(self, data: bytes) -> None:
        """Read the answer to the upgrade, then frames."""
        data = self._buffer + data
        if not self._open:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                if found := RETRY_AFTER.search(data):
                    self.retry_after = float(found[1])
                self.transport.close()
                return
            self._open = True
            self.ready.set_result(True)
            data = data[end + 4 :]
        self._buffer = self._frames(data)

    def _frames(self, data: bytes) -> bytes:
        position, end = 0, len(data)
        while position + 2 <= end:
            length, start = data[position + 1], position + 2
            if length == 126:
                length, start = int.from_bytes(data[start : start + 2]), start + 2
            if start + length > end:
                break
            payload = data[start : start + length]
            self._frame(data[position] & 15, payload)
            position = start + length
        return data[position:]

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.transport.write(client_frame(payload, PONG))
        elif opcode == CLOSE:
            self.transport.close()
        elif opcode == TEXT and payload.startswith(b"[2,"):
            self._called(payload)
        elif opcode == TEXT:
            self.on_answer(payload)

    def _called(self, payload: bytes) -> None:
        _, unique_id, action, _ = orjson.loads(payload)
        answer: dict[str, object] = {}
        if action == "GetConfiguration":
            key = {"key": "NumberOfConnectors", "readonly": True, "value": "1"}
            answer = {"configurationKey": [key], "unknownKey": []}
        self.transport.write(client_frame(orjson.dumps([3, unique_id, answer])))
        if not self.synced.done():
            self.synced.set_result(True)

    async def boot(self) -> bool:
        """Boot; whether that was accepted."""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.on_answer = answer.set_result
        self.transport.write(client_frame(orjson.dumps([2, "b", "BootNotification", BOOT])))
        await asyncio.wait((answer, self.lost), return_when=asyncio.FIRST_COMPLETED)
        self.on_answer = lambda payload: None
        return answer.done() and b"Accepted" in answer.result()


async def connect(url: str, identity: str) -> Peer | float:
    """Connect once; the seconds to wait before the next try if it was refused."""
    parts = urlsplit(url)
    make = partial(Peer, parts.path, identity)
    loop = asyncio.get_running_loop()
    try:
        _, peer = await loop.create_connection(make, parts.hostname or "", parts.port or 80)
    except OSError:
        return 1.0
    return peer if await peer.ready else peer.retry_after


async def join(url: str, identity: str, boot: bool, tries: list[int]) -> Peer:
    """Connect and boot, and retry as told."""
    while True:
        tries[0] += 1
        peer = await connect(url, identity)
        if isinstance(peer, Peer):
            if not boot or await peer.boot():
                return peer
            peer.transport.close()
            peer = 1.0
        await asyncio.sleep(peer * random.uniform(1, 1.5))


async def join_all(args: argparse.Namespace) -> tuple[list[Peer], int]:
    """All charge points, so many at a time; and how many tries it took."""
    gate = asyncio.Semaphore(args.at_once)
    tries = [0]

    async def one(number: int) -> Peer:
        async with gate:
            return await join(args.url, f"{args.prefix}{number}", args.boot, tries)

    numbers = range(args.first, args.first + args.count)
    return list(await asyncio.gather(*(one(number) for number in numbers))), tries[0]


class Loop:
    """One charge point that sends its next Call when the last is answered, or after a pause."""

    def __init__(self, peer: Peer, call: Callable[[int], bytes], first: int, pause: float) -> None:
        self.latencies: list[tuple[float, float]] = []
        self.answered = self.errors = 0
        self._peer, self._call, self._pause = peer, call, pause
        self._numbers = itertools.count(first)
        self._stopped = False
        self.idle = asyncio.get_running_loop().create_future()
        peer.on_answer = self._answered
        self._send()

    def _send(self) -> None:
        if self._stopped:
            if not self.idle.done():
                self.idle.set_result(None)
            return
        self._sent = time.perf_counter()
        self._peer.transport.write(self._call(next(self._numbers)))

    def _answered(self, payload: bytes) -> None:
        now = time.perf_counter()
        self.latencies.append((now, now - self._sent))
        if payload.startswith(b"[3,"):
            self.answered += 1
        else:
            self.errors += 1
        if self._pause:
            asyncio.get_running_loop().call_later(self._pause, self._send)
        else:
            self._send()

    def stop(self) -> None:
        """Send no more; `idle` is done when the last answer is there."""
        self._stopped = True


CALLS = {"meter": meter_values, "odd-meter": odd_meter_values, "heartbeat": heartbeat}


async def run_calls(args: argparse.Namespace) -> dict[str, object]:
    """Closed loops for some seconds; the first of them do not count."""
    peers, _ = await join_all(args)
    if args.boot:
        await asyncio.wait([peer.synced for peer in peers], timeout=3)
    call = CALLS[args.what]
    base = int(time.time()) * 1_000_000
    loops = [Loop(peer, call, base + n * 10**11, args.pause) for n, peer in enumerate(peers)]
    await asyncio.sleep(args.warm_up)
    start, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(args.seconds)
    stop, cpu = time.perf_counter(), time.process_time() - cpu
    for loop in loops:
        loop.stop()
    await asyncio.wait([loop.idle for loop in loops], timeout=10)
    took = sorted(s for loop in loops for at, s in loop.latencies if start <= at < stop)
    for peer in peers:
        peer.transport.close()
    return {
        "rate": len(took) / (stop - start),
        "p50": took[len(took) // 2] if took else None,
        "p99": took[len(took) * 99 // 100] if took else None,
        "worst": took[-1] if took else None,
        "answered": sum(loop.answered for loop in loops),
        "errors": sum(loop.errors for loop in loops),
        "client_cpu": cpu / (stop - start),
    }


async def run_hold(args: argparse.Namespace) -> dict[str, object]:
    """Connect all, tell how long it took, and hold them until standard input is closed."""
    start = time.perf_counter()
    peers, tries = await join_all(args)
    joined = time.perf_counter() - start
    if args.boot and args.sync:
        await asyncio.wait([peer.synced for peer in peers], timeout=60)
    synced = time.perf_counter() - start
    told = {
        "seconds": joined,
        "synced_seconds": synced,
        "synced": sum(peer.synced.done() for peer in peers),
        "joined": len(peers),
        "tries": tries,
    }
    sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    return {"still_connected": sum(not peer.lost.done() for peer in peers)}


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=(*CALLS, "hold"))
    parser.add_argument("url")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--prefix", default="CP")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--warm-up", type=float, default=2)
    parser.add_argument("--pause", type=float, default=0)
    parser.add_argument("--at-once", type=int, default=500)
    parser.add_argument("--no-boot", dest="boot", action="store_false")
    parser.add_argument("--no-sync", dest="sync", action="store_false")
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    run = run_hold if args.what == "hold" else run_calls
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.buffer.write(orjson.dumps(runner.run(run(args))) + b"\n")


if __name__ == "__main__":
    main()
