"""Bursts that have been seen to break central systems: every one is answered, in seconds."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from csms.config import Settings
from csms.repositories import rejected_connections
from tests.support.charge_point import BOOT, ScriptedChargePoint
from tests.support.raw_socket import RawSocket, client_frame
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test(timeout=60)

COUNT = 200
BOOTS = 2_000
AT_A_TIME = 50
IDENTITIES = 100
TEXT = 1


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Many come at once here, and that is what is looked at; whom the gate turns away is not."""
    return settings.model_copy(update={"max_connects_per_second": 0})


async def whitelist(system: System, count: int) -> None:
    lines = "".join(f"CP{number}\n" for number in range(count))
    response = await system.fetch(
        "POST",
        "/admin/charge-points/import",
        f"chargePointIdentity\n{lines}",
        headers={"Content-Type": "text/csv"},
    )
    assert response.code == 200


async def fleet(system: System) -> list[ScriptedChargePoint]:
    """So many charge points that have booted."""
    await whitelist(system, COUNT)
    charge_points = await connect(system)
    boots = await asyncio.gather(*(cp.start("BootNotification", BOOT) for cp in charge_points))
    assert {frame[2]["status"] for frame in boots} == {"Accepted"}
    return charge_points


async def connect(system: System) -> list[ScriptedChargePoint]:
    return list(await asyncio.gather(*(system.connect(f"CP{number}") for number in range(COUNT))))


async def test_starts_in_the_same_instant(system: System) -> None:
    charge_points = await fleet(system)
    payload: dict[str, Any] = {
        "connectorId": 1,
        "idTag": "TAG",
        "meterStart": 0,
        "timestamp": "2026-11-23T10:00:00Z",
    }
    frames = await asyncio.gather(
        *(charge_point.start("StartTransaction", payload) for charge_point in charge_points)
    )
    assert {frame[0] for frame in frames} == {3}
    assert len({frame[2]["transactionId"] for frame in frames}) == COUNT


async def test_the_whole_fleet_comes_back_under_the_same_identities(system: System) -> None:
    for charge_point in await fleet(system):
        charge_point.socket.close()
    again = await connect(system)
    frames = await asyncio.gather(*(cp.start("Heartbeat", {}) for cp in again))
    assert {frame[0] for frame in frames} == {3}
    held = await system.database.charge_points.count_documents({"ocppSessionId": {"$ne": None}})
    assert held == COUNT


@pytest.fixture
def _many_files() -> Iterator[None]:
    """Both ends of every socket are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = 3 * BOOTS
    if hard != resource.RLIM_INFINITY and hard < enough:
        pytest.skip(f"needs {enough} open files, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, enough), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_many_files")
async def test_two_thousand_boots_at_once(system: System) -> None:
    await whitelist(system, BOOTS)
    peers: list[RawSocket] = []
    for first in range(0, BOOTS, AT_A_TIME):
        identities = (f"CP{number}" for number in range(first, first + AT_A_TIME))
        peers += await asyncio.gather(*(RawSocket.connect(system.ocpp, i) for i in identities))
    boot = client_frame(TEXT, json.dumps([2, "1", "BootNotification", BOOT]).encode())
    started = time.monotonic()
    for peer in peers:
        peer.send(boot)
    answers = await asyncio.gather(*(peer.receive() for peer in peers))
    seconds = time.monotonic() - started
    sys.stdout.write(f"{BOOTS} boots at once are answered after {seconds:.1f} s\n")
    assert {json.loads(text)[2]["status"] for _, text in answers} == {"Accepted"}
    accepted = {"registrationStatus": "Accepted", "ocppSessionId": {"$ne": None}}
    assert await system.database.charge_points.count_documents(accepted) == BOOTS
    for peer in peers:
        peer.close()
    await eventually(
        lambda: system.database.charge_points.count_documents({"ocppSessionId": {"$ne": None}}),
        lambda held: held == 0,
        within=30,
    )


@pytest.mark.parametrize(
    ("count", "identities", "records"),
    [
        pytest.param(300, 5, 5, id="a handful of identities"),
        pytest.param(400, 400, IDENTITIES + 1, id="ever new identities"),
    ],
)
async def test_many_rejected_connections_leave_few_records(
    system: System, monkeypatch: pytest.MonkeyPatch, count: int, identities: int, records: int
) -> None:
    monkeypatch.setattr(rejected_connections, "MAX_IDENTITIES", IDENTITIES)
    charge_point = await system.online()
    turned_away = asyncio.ensure_future(knock(system, count, identities))
    longest = 0.0
    while not turned_away.done():
        started = time.monotonic()
        assert "currentTime" in await charge_point.call("Heartbeat", {})
        longest = max(longest, time.monotonic() - started)
    await turned_away
    sys.stdout.write(f"a heartbeat beside {count} rejections took {longest:.2f} s at most\n")
    assert longest < 2
    rejected = await system.database.rejected_connections.find().to_list(None)
    assert len(rejected) == records
    assert sum(record["count"] for record in rejected) == count


async def knock(system: System, count: int, identities: int) -> None:
    """Be turned away again and again, by several visitors side by side."""

    async def visitor(first: int) -> None:
        for number in range(first, count, AT_A_TIME):
            peer = await RawSocket.connect(system.ocpp, f"NOBODY-{number % identities}")
            assert await peer.close_code() == 1008
            peer.close()

    await asyncio.gather(*(visitor(first) for first in range(AT_A_TIME)))
