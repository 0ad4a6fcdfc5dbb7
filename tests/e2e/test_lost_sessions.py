"""A node that has lost a session overwrites nothing of the one that has taken its place.

That a node does not hear of it is played by one that follows nothing; nodes that are really
frozen are in `tests/faults/test_frozen_nodes.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import UpdateOne
from tornado.ioloop import IOLoop

from csms.config import Settings
from csms.connections import standstill
from csms.connections.backlog import SMALL, Backlog
from csms.connections.bus import Bus
from csms.domain.times import rfc3339
from tests.e2e.test_messages import metering
from tests.e2e.test_nodes import beside
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

KEY = "a key of 16 bytes or more"
REPLACED = (1001, "Replaced by a new connection")


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """No node hears of what the others write."""
    monkeypatch.setattr(Bus, "follow", lambda _: None)


@pytest.fixture
def other(
    deaf: None, io_loop: IOLoop, system: System, mongodb_uri: str, settings: Settings
) -> Iterator[System]:
    yield from beside(io_loop, system, mongodb_uri, settings)


def status(text: str, connector_id: int = 1) -> dict[str, Any]:
    return {"connectorId": connector_id, "errorCode": "NoError", "status": text}


async def moved(system: System, other: System) -> tuple[ScriptedChargePoint, dict[str, Any]]:
    """A charge point whose socket on `system` is still open, and its record since it has moved."""
    await system.whitelist(authorizationKey=KEY, serialNumber="SN-1")
    old = await system.connect(password=KEY)
    await old.boot(chargePointSerialNumber="SN-1", firmwareVersion="1")
    new = await other.connect(password=KEY)
    await new.boot(chargePointSerialNumber="SN-1", firmwareVersion="2")
    for connector_id in (0, 1):
        await new.call("StatusNotification", status("Charging", connector_id))
    await new.call("FirmwareStatusNotification", {"status": "Installed"})
    await new.call("DiagnosticsStatusNotification", {"status": "Uploaded"})
    return old, await settled(other)


async def settled(system: System) -> dict[str, Any]:
    """The record when all that this node has noted is in it."""
    system.central_system.held.store_signs_of_life()
    await behind(system, "charge_points")
    return await system.record()


async def behind(system: System, collection: str) -> None:
    """Wait until what is written behind is written."""
    nothing = UpdateOne({"_id": "there is none"}, {"$set": {"x": 1}})
    await system.central_system.telemetry.update(collection, nothing)


STALE: list[tuple[str, dict[str, Any]]] = [
    ("StatusNotification", status("Available", 0)),
    ("StatusNotification", status("Available")),
    ("StatusNotification", status("Available", 2)),
    ("FirmwareStatusNotification", {"status": "Downloading"}),
    ("DiagnosticsStatusNotification", {"status": "Uploading"}),
    ("LogStatusNotification", {"status": "Uploading"}),
    ("SignCertificate", {"csr": "no request, but it counts"}),
    ("BootNotification", {"chargePointVendor": "Old", "chargePointModel": "Old"}),
    (
        "BootNotification",
        {"chargePointVendor": "Old", "chargePointModel": "O", "chargePointSerialNumber": "SN-X"},
    ),
    (
        "DataTransfer",
        {"vendorId": "csms", "messageId": "ConnectorTypes", "data": '{"1": "Type 2"}'},
    ),
]


@pytest.mark.parametrize(("action", "payload"), STALE)
async def test_what_a_lost_session_reports_is_dropped(
    system: System, other: System, action: str, payload: dict[str, Any]
) -> None:
    old, before = await moved(system, other)
    boots = await system.database.boot_notifications.count_documents({})
    answer = old.start(action, payload)
    unread = old.start("MeterValues", metering("1"))
    assert await old.closed() == REPLACED
    assert not answer.done() and not unread.done()
    assert await settled(system) == before
    assert await system.database.meter_values.count_documents({}) == 0
    assert await system.database.boot_notifications.count_documents({}) == boots
    assert (await system.database.rejected_connections.count_documents({})) == 0


async def test_its_signs_of_life_are_nobodys(system: System, other: System) -> None:
    old, before = await moved(system, other)
    await old.call("Heartbeat", {})
    assert await settled(system) == before
    old.socket.close()
    await old.closed()
    assert await settled(system) == before


async def test_after_a_standstill_a_node_looks_before_it_serves(
    system: System, other: System
) -> None:
    old, before = await moved(system, other)
    system.central_system.standstills.count += 1
    unread = [old.start("MeterValues", metering("1")), old.start("Heartbeat", {})]
    assert await old.closed() == REPLACED
    assert not any(each.done() for each in unread)
    assert await system.database.meter_values.count_documents({}) == 0
    assert await settled(system) == before


async def test_after_a_standstill_who_is_still_here_is_served_in_order(system: System) -> None:
    charge_point = await system.online()
    system.central_system.standstills.count += 1
    heartbeat = charge_point.start("Heartbeat", {})
    reading = charge_point.start("MeterValues", metering("1"))
    assert (await reading)[0] == 3
    assert heartbeat.done()


async def test_who_waited_while_a_node_stood_still_replaces_nobody(
    system: System, other: System
) -> None:
    """The charge point has given up that request, and is on another node."""
    await system.whitelist(authorizationKey=KEY)
    live = await other.connect(password=KEY)
    await live.boot()
    asked: list[str] = []

    async def is_alive(record: dict[str, Any]) -> bool:
        asked.append(record["nodeId"])
        return True

    system.central_system.bus.is_alive = is_alive  # type: ignore[method-assign]
    standstills = system.central_system.standstills
    standstills.beat(standstills._last + 2 * standstill.STILL)
    stale = await system.connect(password=KEY)
    assert await stale.closed() == (1008, "Already connected")
    assert asked == ["other"]
    assert await live.call("Heartbeat", {})
    assert (await system.record())["nodeId"] == "other"


async def test_who_waited_while_a_node_stood_still_is_no_second_device(
    system: System, other: System
) -> None:
    """The same without credentials: it is refused, and nobody is told of two devices."""
    await system.whitelist()
    live = await other.connect()
    await live.boot(chargePointSerialNumber="SN-1")

    async def is_alive(_: object) -> bool:
        return True

    system.central_system.bus.is_alive = is_alive  # type: ignore[method-assign]
    standstills = system.central_system.standstills
    for was_still in (True, False):
        standstills.last_at = time.monotonic() if was_still else float("-inf")
        newcomer = await system.connect()
        assert await newcomer.closed() == (1008, "Already connected")
    alarm = await eventually(system.database.alarms.find_one, bool)
    # That of the second alone.
    await behind(system, "alarms")
    assert alarm is not None and alarm["count"] == 1
    assert await live.call("Heartbeat", {})


async def test_one_that_moves_while_it_is_let_in_is_replaced(system: System) -> None:
    await system.whitelist(authorizationKey=KEY)
    records, held = system.database.charge_points, system.central_system.held
    await records.update_one({"_id": "CP1"}, {"$set": {"flags": ["serialNotShown"]}})
    claim = held.claim

    async def claim_and_move(*arguments: Any) -> bool:
        claimed = await claim(*arguments)
        await records.update_one({"_id": "CP1"}, {"$set": {"ocppSessionId": "elsewhere"}})
        return claimed

    held.claim = claim_and_move  # type: ignore[method-assign]
    charge_point = await system.connect(password=KEY)
    assert await charge_point.closed() == REPLACED
    record = await settled(system)
    assert (record["ocppSessionId"], record["flags"]) == ("elsewhere", ["serialNotShown"])


async def test_after_two_standstills_it_is_served_when_it_was_looked_twice(system: System) -> None:
    charge_point = await system.online()
    looks = Looks(system)
    system.central_system.standstills.count += 1
    calls = [charge_point.start("Heartbeat", {})]
    first = await looks.next()
    system.central_system.standstills.count += 1
    calls.append(charge_point.start("Heartbeat", {}))
    second = await looks.next()
    first.set()
    await looks.ended()
    # An answer would be here before this one.
    await system.rest("GET", "/healthz")
    assert not any(call.done() for call in calls)
    second.set()
    await asyncio.gather(*calls)


async def test_what_is_served_meanwhile_still_counts(system: System) -> None:
    charge_point = await system.online()
    looks, backlog = Looks(system), system.central_system.sockets.backlog
    written = asyncio.get_running_loop().create_future()
    system.central_system.telemetry.insert_all = lambda *_: written  # type: ignore[method-assign]
    large = metering("1" * SMALL)
    calls = [charge_point.start("MeterValues", large)]
    await eventually(size_of(backlog), lambda size: size > SMALL)
    system.central_system.standstills.count += 1
    calls.append(charge_point.start("Heartbeat", {}))
    look = await looks.next()
    before = backlog.size
    look.set()
    await looks.ended()
    assert backlog.size == before
    written.set_result(None)
    await asyncio.gather(*calls)
    assert backlog.size == 0


class Looks:
    """Holds up each look that a node takes at a record."""

    def __init__(self, system: System) -> None:
        self._begun: asyncio.Queue[asyncio.Event] = asyncio.Queue()
        self._ended = asyncio.Event()
        charge_points = system.central_system.charge_points
        find = charge_points.find

        async def hold_up(charge_point_id: str) -> Any:
            may_end = asyncio.Event()
            self._begun.put_nowait(may_end)
            await may_end.wait()
            record = await find(charge_point_id)
            self._ended.set()
            return record

        charge_points.find = hold_up  # type: ignore[method-assign]

    async def next(self) -> asyncio.Event:
        """What lets the next one end."""
        return await self._begun.get()

    async def ended(self) -> None:
        await self._ended.wait()


def size_of(backlog: Backlog) -> Callable[[], Awaitable[int]]:
    async def size() -> int:
        return backlog.size

    return size


async def test_a_record_that_was_given_up_for_a_moment_is_taken_back_and_the_call_served(
    system: System,
) -> None:
    """After the database was away: each node may have taken the others for dead."""
    charge_point = await system.online()
    session = (await system.record())["ocppSessionId"]
    await system.central_system.held.release_node("test", datetime.now(UTC))
    await charge_point.call("StatusNotification", status("Charging"))
    record = await system.record()
    assert (record["ocppSessionId"], record["nodeId"]) == (session, "test")
    assert record["connectors"][0]["status"] == "Charging"


async def test_a_deleted_record_still_closes_as_not_whitelisted(system: System) -> None:
    charge_point = await system.online()
    await system.database.charge_points.delete_one({"_id": "CP1"})
    charge_point.start("StatusNotification", status("Charging"))
    assert await charge_point.closed() == (1008, "Not whitelisted")


async def test_an_older_status_does_not_replace_a_newer(system: System) -> None:
    charge_point = await system.online()
    now = datetime.now(UTC)
    for text, ago in (("Charging", 10), ("Available", 60), ("Finishing", 5)):
        stamp = rfc3339(now - timedelta(seconds=ago))
        await charge_point.call("StatusNotification", {**status(text), "timestamp": stamp})
        shown = (await system.record())["connectors"][0]["status"]
        assert shown == {"Available": "Charging"}.get(text, text)


async def test_readings_of_a_lost_session_set_no_transaction_back(
    system: System, other: System
) -> None:
    await system.whitelist(authorizationKey=KEY)
    old = await system.connect(password=KEY)
    await old.boot()
    now = datetime.now(UTC)
    start = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": rfc3339(now)}
    number = (await old.call("StartTransaction", start))["transactionId"]

    def reading(register: int, seconds: float) -> dict[str, Any]:
        stamp = rfc3339(now + timedelta(seconds=seconds))
        value = {"timestamp": stamp, "sampledValue": [{"value": str(register)}]}
        return {"connectorId": 1, "transactionId": number, "meterValue": [value]}

    new = await other.connect(password=KEY)
    await new.boot()
    await new.call("MeterValues", reading(2000, 20))

    async def last_meter() -> Any:
        transaction = await system.database.transactions.find_one({"_id": number})
        assert transaction is not None
        return transaction.get("lastMeter")

    await eventually(last_meter, lambda meter: meter == 2000)
    await old.call("MeterValues", reading(1000, 10))
    await behind(system, "transactions")
    assert await last_meter() == 2000
