"""Open files: `csms serve` takes all it may have, keeps some back, and answers at the limit."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from tornado.httpclient import HTTPClientError

from csms.web.server import RESERVED_FILES, SPARE_CONNECTIONS
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
        limit = opened + RESERVED_FILES + SPARE_CONNECTIONS + ROOM
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, limit))
        host, port = client.http.removeprefix("http://").split(":")
        visitors = [await asyncio.open_connection(host, int(port)) for _ in range(VISITORS)]
        ends = [asyncio.ensure_future(reader.read()) for reader, _ in visitors]

        async def closed() -> int:
            return sum(end.done() for end in ends)

        kept = ROOM + SPARE_CONNECTIONS
        await eventually(closed, lambda count: count >= VISITORS - kept)
        assert await asyncio.to_thread(open_files, pid) <= limit - RESERVED_FILES + 5
        await process.logs("too_many_connections")
        assert "currentTime" in await charge_point.call("Heartbeat", {})

        # At the limit it still answers; charge points are told to come again later.
        for _ in range(2 * SPARE_CONNECTIONS):
            status, answer = await client.rest("GET", "/readyz", token=None)
            assert (status, answer["status"]) == (200, "ready")
            assert "open files" in answer["remark"]
        assert (await client.rest("GET", "/admin/charge-points", token=TOKEN))[0] == 200
        with pytest.raises(HTTPClientError) as refused:
            await ScriptedChargePoint.connect(client.ocpp, "CP1")
        assert refused.value.code == 503
        assert refused.value.response is not None
        assert int(refused.value.response.headers["Retry-After"]) > 0
        with MongoClient[dict[str, Any]](mongodb_uri) as mongo:
            [alarm] = mongo["csms_files"].alarms.find({"kind": "openFiles"})
            assert (alarm["subject"], alarm["closedAt"]) == ("node", None)
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
