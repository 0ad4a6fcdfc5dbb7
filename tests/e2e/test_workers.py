"""`csms serve --workers`: processes on one port, started again when they die."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from csms.mongod_secrets import ANALYST_URI_FILE, URI_FILE, password_in
from csms.mongod_state import MongodState
from tests.e2e import test_serve
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import ADMIN_TOKEN, Client, eventually

BOOTS = 'csms_calls_received_total{action="BootNotification",outcome="CallResult"}'
ACCEPTED = {"status": "Accepted"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.gen_test(timeout=120)
async def test_two_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_PORT", str(free_port()))
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_WORKERS", "2")
    # What is asked for after a boot would keep the commands waiting: nobody answers it here.
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_CONNECTOR_SYNC", "false")
    async with test_serve.serve(tmp_path) as process:
        client = await process.ready()
        token = (tmp_path / "admin-token").read_text().strip()

        async def rest(method: str, path: str, body: Any = None) -> Any:
            status, answer = await client.rest(method, path, body, token=token)
            assert status < 300, answer
            return answer

        async def nodes() -> set[str]:
            records = [await rest("GET", f"/admin/charge-points/CP{n}") for n in range(8)]
            return {record["nodeId"] for record in records}

        for number in range(8):
            body = {"id": f"CP{number}", "chargePointIdentity": f"CP{number}"}
            await rest("POST", "/admin/charge-points", body)
        pids = [node["pid"] for node in (await rest("GET", "/admin/nodes"))["items"]]
        assert secrets_shown(tmp_path, [*pids, process.process.pid], process.said) == []
        charge_points = await connect_to_both(client, nodes)
        for charge_point in charge_points:
            charge_point.answers["ClearCache"] = lambda _: ACCEPTED
        for number in range(8):
            path = f"/admin/charge-points/CP{number}/commands"
            outcome = await rest("POST", path, {"action": "ClearCache"})
            assert outcome["response"] == ACCEPTED

        # Whichever worker is asked, the figures are those of both.
        for _ in range(8):
            assert await figure(client, "csms_connections") == 8
        boots = await figure(client, BOOTS)
        assert boots >= 8

        # One of them dies without a word: its charge points come back, and so does it.
        holders = {}
        for number in range(8):
            record = await rest("GET", f"/admin/charge-points/CP{number}")
            holders[number] = record["nodeId"]
        os.kill(await pid_of(client, token, holders[0]), signal.SIGKILL)
        await charge_points[0].closed()
        again = await come_back(client, "CP0")
        assert "currentTime" in await again.call("Heartbeat", {})
        survivor = next(n for n, node in holders.items() if node != holders[0])
        assert "currentTime" in await charge_points[survivor].call("Heartbeat", {})

        # What it had counted is not forgotten with it, or rates would leap.
        assert await figure(client, BOOTS) == boots
        left = 1 + sum(node != holders[0] for node in holders.values())
        await eventually(
            lambda: figure(client, "csms_connections"), lambda connected: connected == left
        )

        assert await process.end(signal.SIGTERM) == 0
        assert (await charge_points[survivor].closed())[0] == 1012
        for charge_point in (*charge_points, again):
            await charge_point.close()


@pytest.mark.gen_test(timeout=60)
async def test_workers_live_and_end_with_their_supervisor(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_PORT", str(free_port()))
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_WORKERS", "2")
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_MONGODB_URI", mongodb_uri)
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_MONGODB_DATABASE", "csms_orphans")
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_ADMIN_TOKEN", "a-token-of-many-characters")
    async with test_serve.serve(tmp_path) as process:
        client = await process.ready()

        async def nodes() -> list[dict[str, Any]]:
            _, page = await client.rest("GET", "/admin/nodes", token="a-token-of-many-characters")
            return list(page["items"])

        [first, second] = await eventually(nodes, lambda seen: len(seen) == 2)
        # A worker is started again, also when its death cannot be told to the others.
        with MongoClient[dict[str, Any]](mongodb_uri) as mongo:
            database = mongo["csms_orphans"]
            database.command("collMod", "nodes", validator={"host": "of nobody"})
            os.kill(second["pid"], signal.SIGKILL)
            await process.logs("worker_not_declared_dead")
            database.command("collMod", "nodes", validator={})

        def is_back(seen: list[dict[str, Any]]) -> bool:
            pids = {node["pid"] for node in seen}
            return len(pids) == 2 and second["pid"] not in pids

        pids = [node["pid"] for node in await eventually(nodes, is_back, within=30)]
        assert first["pid"] in pids
        assert await process.end(signal.SIGKILL) != 0

        async def left() -> list[int]:
            return [pid for pid in pids if not MongodState(pid, 0).has_ended()]

        await eventually(left, lambda running: running == [], within=30)


def secrets_shown(data_dir: Path, pids: Iterable[int], said: str) -> list[str]:
    """Passwords of the database that a process shows of itself, or has printed."""
    shown = said.encode()
    for pid in pids:
        for name in ("environ", "cmdline"):
            shown += Path(f"/proc/{pid}/{name}").read_bytes()
    passwords = [str(password_in(data_dir / name)) for name in (URI_FILE, ANALYST_URI_FILE)]
    assert min(map(len, passwords)) > 20 and ANALYST_URI_FILE in said
    return [password for password in passwords if password.encode() in shown]


async def figure(client: Client, name: str) -> float:
    """A figure of /metrics on the shared port; 0 if it is not there."""
    text = (await client.fetch("GET", "/metrics", token=None)).body.decode()
    lines = [line.rpartition(" ") for line in text.splitlines()]
    [found] = [value for series, _, value in lines if series == name] or ["0"]
    return float(found)


async def come_back(client: Client, identity: str) -> ScriptedChargePoint:
    """Connect as charge points do: again, if what waited at the dead worker's door was reset."""

    async def attempt() -> ScriptedChargePoint | None:
        try:
            return await ScriptedChargePoint.connect(client.ocpp, identity)
        except OSError:
            return None

    charge_point = await eventually(attempt, lambda connected: connected is not None)
    assert charge_point is not None
    return charge_point


async def connect_to_both(client: Client, nodes: Any) -> list[ScriptedChargePoint]:
    """Connect eight charge points, until each worker holds some of them."""

    async def connect() -> list[ScriptedChargePoint]:
        charge_points = await asyncio.gather(
            *(ScriptedChargePoint.connect(client.ocpp, f"CP{number}") for number in range(8))
        )
        for charge_point in charge_points:
            assert (await charge_point.boot())["status"] == "Accepted"
        return list(charge_points)

    charge_points = await connect()

    async def retry() -> bool:
        nonlocal charge_points
        if len(await nodes()) == 2:
            return True
        for charge_point in charge_points:
            await charge_point.close()
        charge_points = await connect()
        return len(await nodes()) == 2

    await eventually(retry, bool)
    return charge_points


async def pid_of(client: Client, token: str, node_id: str) -> int:
    _, page = await client.rest("GET", "/admin/nodes", token=token)
    return next(int(node["pid"]) for node in page["items"] if node["id"] == node_id)


@pytest.mark.long
@pytest.mark.gen_test(timeout=90)
async def test_a_frozen_worker_is_replaced(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_PORT", str(free_port()))
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_WORKERS", "2")
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_CONNECTOR_SYNC", "false")
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_MONGODB_URI", mongodb_uri)
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_MONGODB_DATABASE", "csms_frozen")
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_ADMIN_TOKEN", ADMIN_TOKEN)
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_FROZEN_AFTER", "4")
    async with test_serve.serve(tmp_path) as process:
        client = await process.ready()
        body = {"id": "CP0", "chargePointIdentity": "CP0"}
        await client.rest("POST", "/admin/charge-points", body, token=ADMIN_TOKEN)
        charge_point = await ScriptedChargePoint.connect(client.ocpp, "CP0")
        await charge_point.boot()
        with MongoClient[dict[str, Any]](mongodb_uri) as mongo:
            database = mongo["csms_frozen"]
            record = database.charge_points.find_one({"_id": "CP0"})
            assert record is not None
            holder = record["nodeId"]
            node = database.nodes.find_one({"_id": holder})
            assert node is not None
            os.kill(node["pid"], signal.SIGSTOP)
            await process.logs("worker_frozen")
            # Its charge points notice at once, and are let in elsewhere.
            await charge_point.closed()
            again = await come_back(client, "CP0")
            assert "currentTime" in await again.call("Heartbeat", {})

            async def alarm() -> Any:
                return database.alarms.find_one({"kind": "workerFrozen", "subject": holder})

            await eventually(alarm, bool, within=40)
            replaced = database.nodes.find_one({"_id": holder})
            assert replaced is not None and replaced["pid"] != node["pid"]
        await charge_point.close()
        await again.close()
        assert await process.end(signal.SIGTERM) == 0
