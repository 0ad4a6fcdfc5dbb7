"""Open files: `csms serve` takes all it may have, and keeps some back from its visitors."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress
from pathlib import Path

import pytest

from csms.web.server import RESERVED_FILES
from tests.e2e import test_serve
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import Client, eventually

TOKEN = "a-token-of-the-test-itself"
FEW = 256
ROOM = 20
VISITORS = 100


@pytest.mark.gen_test(timeout=60)
async def test_visitors_cannot_take_all_of_them(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_MONGODB_URI", mongodb_uri)
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_MONGODB_DATABASE", "csms_files")
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_ADMIN_TOKEN", TOKEN)
    few = ("sh", "-c", f'ulimit -Sn {FEW}; exec "$@"', "sh")
    async with test_serve.serve(tmp_path, *few) as process:
        client = await process.ready()
        pid = process.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        assert soft == hard > FEW

        charge_point = await charge_point_of(client)
        opened = await asyncio.to_thread(open_files, pid)
        limit = opened + RESERVED_FILES + ROOM
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, limit))
        host, port = client.http.removeprefix("http://").split(":")
        visitors = [await asyncio.open_connection(host, int(port)) for _ in range(VISITORS)]
        ends = [asyncio.ensure_future(reader.read()) for reader, _ in visitors]

        async def closed() -> int:
            return sum(end.done() for end in ends)

        await eventually(closed, lambda count: count >= VISITORS - ROOM)
        assert await asyncio.to_thread(open_files, pid) <= limit - RESERVED_FILES + 5
        await process.logs("too_many_connections")
        assert "currentTime" in await charge_point.call("Heartbeat", {})
        for _, writer in visitors:
            writer.close()
        with suppress(ConnectionError):
            await asyncio.gather(*ends)

        async def is_ready() -> bool:
            with suppress(OSError):
                return (await client.rest("GET", "/readyz", token=None))[0] == 200
            return False

        await eventually(is_ready, bool)
        await charge_point.close()


async def charge_point_of(client: Client) -> ScriptedChargePoint:
    """A charge point that has booted."""
    body = {"id": "CP1", "chargePointIdentity": "CP1"}
    await client.rest("POST", "/admin/charge-points", body, token=TOKEN)
    charge_point = await ScriptedChargePoint.connect(client.ocpp, "CP1")
    charge_point.answers["GetConfiguration"] = lambda _: {"unknownKey": []}
    await charge_point.boot()
    return charge_point


def open_files(pid: int) -> int:
    """How many files a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
