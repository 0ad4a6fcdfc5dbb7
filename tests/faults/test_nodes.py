"""One of two nodes is killed under load: its charge points go on at the other."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pymongo import MongoClient

from csms.repositories.nodes import LEASE, RENEW_EVERY
from tests.e2e import test_serve
from tests.faults.load import COUNT, Load, assert_stored_once, senders
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import Client, eventually

pytestmark = pytest.mark.long

TOKEN = "a-token-of-the-test-itself"
DATABASE = "csms_nodes"
SLACK = 5.0
AT_ONCE = 5.0
"""Well before the lease runs out."""


@asynccontextmanager
async def node(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Client, test_serve.Process]]:
    """A csms of this name; it is ready."""
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_NODE_ID", name)
    async with test_serve.serve(tmp_path / name) as process:
        yield await process.ready(), process


@pytest.mark.gen_test(timeout=120)
async def test_a_node_is_killed(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MongoClient[dict[str, object]](mongodb_uri) as mongo:
        mongo.drop_database(DATABASE)
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_MONGODB_URI", mongodb_uri)
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_MONGODB_DATABASE", DATABASE)
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_ADMIN_TOKEN", TOKEN)
    async with (
        node("first", tmp_path, monkeypatch) as (first, process),
        node("second", tmp_path, monkeypatch) as (second, _),
    ):
        all_senders = await senders(first, second, token=TOKEN)
        gone = await one_more(first)
        load = Load(all_senders)
        await load.more()

        await process.end(signal.SIGKILL)
        killed = time.monotonic()
        await load.more(2)
        seconds = time.monotonic() - killed
        sys.stdout.write(
            f"node killed: its charge points are served by the other after {seconds:.1f} s\n"
        )
        assert seconds < AT_ONCE
        assert (await record(second))["connected"] is True
        await load.more()
        await load.stop()
        assert [sender.reconnected for sender in load.senders] == [1] * COUNT
        assert_stored_once(load, mongodb_uri, DATABASE)

        # Who did not come back is off line when the lease has run out.
        within = LEASE.total_seconds() + RENEW_EVERY + SLACK
        await eventually(lambda: record(second), lambda r: not r["connected"], within=within)
        seconds = time.monotonic() - killed
        sys.stdout.write(f"node killed: who did not come back is off line after {seconds:.1f} s\n")
        assert "currentTime" in await load.senders[0].socket.call("Heartbeat", {})
        await gone.close()
        for sender in load.senders:
            await sender.close()


async def one_more(client: Client) -> ScriptedChargePoint:
    """A charge point that will not come back."""
    body = {"id": "GONE", "chargePointIdentity": "GONE"}
    assert (await client.rest("POST", "/admin/charge-points", body, token=TOKEN))[0] == 201
    charge_point = await ScriptedChargePoint.connect(client.ocpp, "GONE")
    charge_point.answers["GetConfiguration"] = lambda _: {"unknownKey": []}
    assert (await charge_point.boot())["status"] == "Accepted"
    return charge_point


async def record(client: Client) -> dict[str, object]:
    """What the admin sees of the one that will not come back."""
    status, shown = await client.rest("GET", "/admin/charge-points/GONE", token=TOKEN)
    assert status == 200
    return dict(shown)
