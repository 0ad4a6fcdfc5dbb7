"""A charge point that sends too much: it is slowed down, and nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from csms.app import CentralSystem
from csms.config import Settings
from csms.domain.stored_bytes import BOOT_NOTIFICATIONS, HEARTBEATS, RECORDS
from tests.conftest import DATABASE
from tests.e2e.test_messages import metering, start
from tests.support.charge_point import ScriptedChargePoint
from tests.support.raw_socket import RawSocket, client_frame
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

MB = 1024 * 1024
TEXT, PING, PONG = 1, 9, 10
HEARTBEAT = 200
"""More bytes than one takes."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Bounds as they are by default, of small collections."""
    return settings.model_copy(update={"max_stored_share": 5.0, "max_records_mb": 1})


async def flood(
    charge_point: ScriptedChargePoint,
    action: str,
    payload: Callable[[int], Any],
    count: int,
    at_once: int = 10,
) -> Callable[[], list[Any]]:
    """Send many Calls, some without waiting; returns what reads the answers so far."""
    answers: list[Any] = []
    numbers = iter(range(count))

    def send_next(answer: asyncio.Future[Any] | None = None) -> None:
        if answer is not None:
            answers.append(answer.result())
        if (number := next(numbers, None)) is not None and not charge_point.socket_is_closed:
            call = charge_point.start(action, payload(number), f"flood-{number}")
            call.add_done_callback(send_next)

    for _ in range(at_once):
        send_next()
    return lambda: answers


async def quiet(answers: Callable[[], list[Any]]) -> int:
    """How many answers there are when no more have come for a while."""
    before = -1
    while len(answers()) != before:
        before = len(answers())
        await asyncio.sleep(0.3)
    return before


async def size_of(system: System, collection: str, identity: str) -> int:
    """Bytes that a charge point has in a collection."""
    pipeline = [
        {"$match": {"chargePointIdentity": identity}},
        {"$group": {"_id": None, "bytes": {"$sum": {"$bsonSize": "$$ROOT"}}}},
    ]
    found = await system.database[collection].aggregate(pipeline).to_list(None)
    return int(found[0]["bytes"]) if found else 0


async def alarms(system: System) -> list[Any]:
    return await system.database.alarms.find({"kind": "tooMuchData"}).to_list(None)


async def test_a_flood_of_heartbeats_does_not_push_out_those_of_others(system: System) -> None:
    honest = await system.online("CP2")
    await honest.call("Heartbeat", {})
    flooder = await system.online("CP1")
    answers = await flood(flooder, "Heartbeat", lambda _: {}, 20_000)
    answered = await quiet(answers)
    assert 0 < answered < 1_000

    stored = system.database.heartbeats
    await eventually(
        lambda: stored.count_documents({"chargePointId": "CP1"}), lambda n: n >= len(answers())
    )
    assert await size_of(system, "heartbeats", "CP1") <= 0.05 * MB
    assert await stored.count_documents({"chargePointId": "CP2"}) == 1

    record = await eventually(system.record, lambda record: "tooMuchData" in record["flags"])
    assert record["ocppSessionId"] is not None
    [alarm] = await alarms(system)
    assert (alarm["chargePointId"], alarm["facts"]["collection"]) == ("CP1", "heartbeats")
    metrics = (await system.fetch("GET", "/metrics")).body.decode()
    assert 'csms_held_calls_total{action="Heartbeat"}' in metrics
    # Others go on.
    assert await honest.call("Heartbeat", {})


async def test_commands_and_answers_pass_a_call_that_is_held(system: System) -> None:
    charge_point = await system.online("CP1")
    await flood(charge_point, "Heartbeat", lambda _: {}, 1_000)
    await eventually(system.record, lambda record: "tooMuchData" in record["flags"])
    charge_point.answers["ClearCache"] = lambda _: {"status": "Accepted"}
    status, outcome = await system.rest(
        "POST", "/admin/charge-points/CP1/commands", {"action": "ClearCache", "payload": {}}
    )
    assert (status, outcome["status"]) == (200, "Answered")


async def test_what_is_stored_elsewhere_is_not_held(system: System) -> None:
    charge_point = await system.online("CP1")
    system.central_system.bounds.of({"_id": "CP1"}).add(HEARTBEATS, MB)
    held = charge_point.start("Heartbeat", {})
    await asyncio.sleep(0.2)
    assert not held.done()
    await charge_point.close()
    # A charge point that has no answer comes back, and what it has to deliver is taken.
    again = await system.connect("CP1")
    assert (await again.boot())["status"] == "Accepted"
    assert await again.call("MeterValues", metering("1")) == {}


async def test_to_connect_again_is_no_way_around_it(
    io_loop: IOLoop, system: System, mongodb_uri: str, settings: Settings
) -> None:
    charge_point = await system.online("CP1")
    await quiet(await flood(charge_point, "Heartbeat", lambda _: {}, 600))
    await charge_point.close()
    before = await size_of(system, "heartbeats", "CP1")

    async def try_again(at: System) -> None:
        again = await at.connect("CP1")
        await again.boot()
        answers = await flood(again, "Heartbeat", lambda _: {}, 100)
        assert await quiet(answers) < 10
        await again.close()

    await try_again(system)
    async with another_node(settings, mongodb_uri) as other:
        await try_again(other)
    assert await size_of(system, "heartbeats", "CP1") <= before + 10 * HEARTBEAT


@asynccontextmanager
async def another_node(settings: Settings, uri: str) -> AsyncIterator[System]:
    own = settings.model_copy(
        update={"mongodb_database": DATABASE, "host": "127.0.0.1", "port": 0, "node_id": "other"}
    )
    central_system = CentralSystem(own, uri)
    await central_system.start()
    system = System(central_system)
    yield system
    await system.disconnect_all()
    await central_system.stop()


async def test_what_was_answered_is_stored_and_no_more_than_the_bound(system: System) -> None:
    charge_point = await system.online("CP1")
    samples = [{"value": "1"}] * 50

    def payload(n: int) -> Any:
        stamp = f"2026-03-01T10:{n // 60:02}:{n % 60:02}Z"
        return {"connectorId": 1, "meterValue": [{"timestamp": stamp, "sampledValue": samples}]}

    answers = await flood(charge_point, "MeterValues", payload, 200)
    answered = await quiet(answers)
    stored = await system.database.meter_values.count_documents({})
    assert answered <= stored <= len(answers()) + 1
    assert await size_of(system, "meter_values", "CP1") <= 0.05 * 4 * MB
    assert all(answer[0] == 3 for answer in answers())


async def test_collections_without_a_cap_have_a_bound_too(system: System) -> None:
    charge_point = await system.online("CP1")

    def event(n: int) -> Any:
        return {"type": f"Event{n}", "timestamp": "2026-03-01T10:00:00Z", "techInfo": "x" * 255}

    # As if most of it had been used before.
    system.central_system.bounds.of({"_id": "CP1"}).add(RECORDS, int(0.9 * MB))
    answers = await flood(charge_point, "SecurityEventNotification", event, 1_000)
    await quiet(answers)
    assert 50 < len(answers()) < 500
    assert await size_of(system, "security_events", "CP1") <= 0.1 * MB
    held = charge_point.start("StartTransaction", start())
    await asyncio.sleep(0.3)
    assert not held.done()
    await eventually(lambda: alarms(system), bool)


async def test_the_message_log_is_not_filled_by_one(system: System) -> None:
    honest = await system.online("CP2")
    await honest.call("Authorize", {"idTag": "of CP2"})
    flooder = await system.online("CP1")
    payload = {"vendorId": "none", "data": "x" * 10_000}
    answers = await flood(flooder, "DataTransfer", lambda _: payload, 300)
    # They store nothing: they are answered, and only the log leaves them out.
    await eventually(counting(answers), lambda count: count == 300)
    assert await size_of(system, "messages", "CP1") <= 0.05 * MB
    messages = system.database.messages
    assert await messages.count_documents({"chargePointId": "CP2", "action": "Authorize"}) == 1
    [marker] = await eventually(
        lambda: messages.find({"error": {"$regex": "left out"}}).to_list(None), bool
    )
    assert marker["chargePointId"] == "CP1"
    # What people send it is logged all the same.
    flooder.answers["ClearCache"] = lambda _: {"status": "Accepted"}
    await system.rest(
        "POST", "/admin/charge-points/CP1/commands", {"action": "ClearCache", "payload": {}}
    )
    await eventually(
        lambda: messages.count_documents({"direction": "out", "action": "ClearCache"}), bool
    )


def counting(answers: Callable[[], list[Any]]) -> Callable[[], Any]:
    async def count() -> int:
        return len(answers())

    return count


async def test_visitors_cannot_fill_the_boot_notifications(system: System) -> None:
    await system.whitelist(None, id="waiting", serialNumber="SN-1")
    system.central_system.bounds.visitors.add(BOOT_NOTIFICATIONS, MB)
    visitor = await system.connect("unknown")
    assert (await visitor.boot())["status"] == "Rejected"
    assert await visitor.closed() == (1008, "Not whitelisted")
    assert await system.database.boot_notifications.count_documents({}) == 0
    assert await system.database.rejected_connections.count_documents({}) == 1


class TestSilence:
    """One that is read no further cannot be heard, and is not taken for dead."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"ping_interval": 0.2, "inbound_queue": 4})

    async def test_it_keeps_its_socket(self, system: System) -> None:
        charge_point = await system.online("CP1")
        await eventually(system.record, lambda record: record.get("answersPings"))
        await flood(charge_point, "Heartbeat", lambda _: {}, 1_000, at_once=1_000)
        [connection] = system.central_system.watch._registry
        await eventually(paused(connection), bool)
        await asyncio.sleep(1)
        assert not charge_point.socket_is_closed
        assert await paused(connection)()
        # A word of farewell would not be read.
        charge_point.abort()
        await eventually(system.record, lambda record: record["ocppSessionId"] is None)


def paused(connection: Any) -> Callable[[], Any]:
    async def read() -> bool:
        return bool(connection.transport.is_paused)

    return read


async def test_pings_are_answered_while_a_call_is_held(system: System) -> None:
    await system.whitelist("CP1")
    system.central_system.bounds.of({"_id": "CP1"}).add(BOOT_NOTIFICATIONS, MB)
    peer = await RawSocket.connect(system.ocpp, "CP1")
    boot = b'[2,"1","BootNotification",{"chargePointVendor":"A","chargePointModel":"B"}]'
    peer.send(client_frame(TEXT, boot), client_frame(PING, b"there?"))
    assert await peer.receive() == (PONG, b"there?")
    peer.close()


class TestAnswers:
    """What a charge point answers is stored too."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"connector_sync": True, "connector_sync_delay": 0.0})

    async def test_answers_to_our_questions_do_not_push_out_what_is_logged_of_others(
        self, system: System
    ) -> None:
        await system.whitelist("CP2", connectorSync=False)
        honest = await system.connect("CP2")
        await honest.boot()
        await system.whitelist("CP1")
        flooder = await system.connect("CP1")
        asked = 0

        def answer(payload: Any) -> Any:
            nonlocal asked
            asked += 1
            few = {"NumberOfConnectors": "64", "GetConfigurationMaxKeys": "1"}
            values = {key: few.get(key, "Type2" + "x" * 20_000) for key in payload["key"]}
            entries = [{"key": k, "readonly": True, "value": v} for k, v in values.items()]
            return {"configurationKey": entries}

        flooder.answers["GetConfiguration"] = answer
        for boots in (1, 2):
            # Each boot has csms ask for the type of every connector.
            await flooder.boot()
            await eventually(lambda: asyncio.sleep(0, asked), lambda n, b=boots: n >= 65 * b)
        # One that is stored behind all of them.
        await honest.ask("DataTransfer", {"vendorId": "V"})
        logged = system.database.messages
        await eventually(
            lambda: logged.count_documents({"chargePointId": "CP2"}), lambda count: count == 2
        )
        # And the message that crossed it.
        assert await size_of(system, "messages", "CP1") <= 0.05 * MB + 20_000

    async def test_answers_to_commands_do_not_fill_the_disk(self, system: System) -> None:
        await system.whitelist("CP1", connectorSync=False)
        charge_point = await system.connect("CP1")
        await charge_point.boot()
        answer = {"status": "Accepted", "data": "x" * 600_000}
        charge_point.answers["DataTransfer"] = lambda _: answer
        body = {"action": "DataTransfer", "payload": {"vendorId": "V"}}
        for _ in range(4):
            status, outcome = await system.rest("POST", "/admin/charge-points/CP1/commands", body)
            # Who has asked gets all of it.
            assert (status, outcome["response"]) == (200, answer)
        responses = [one["response"] async for one in system.database.commands.find()]
        assert sum(len(repr(one)) for one in responses) < 2 * MB
        last = next(one for one in responses if "leftOut" in one)
        assert last["status"] == "Accepted" and "max_records_mb" in last["leftOut"]
        # They make no Call wait.
        started = await charge_point.call("StartTransaction", start())
        assert started["transactionId"]
