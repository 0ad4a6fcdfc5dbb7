"""A node of version 0.1.0 beside one of this version, played by the documents that it writes.

The old node is a record in `nodes`, and the writes of version 0.1.0 to `commands` and `node_calls`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tornado.ioloop import IOLoop

from csms.connections.former_seal import FormerSeal, former_seal
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

ACCEPTED = {"status": "Accepted"}
CLEAR_CACHE = {"action": "ClearCache"}
PATH = "/admin/charge-points/CP1/commands"
OLD, NEW = "old", "test"
LOST = "the connection closed before the charge point answered"


class OldNode:
    """Writes what version 0.1.0 writes."""

    def __init__(self, system: System) -> None:
        self.database = system.database
        self.seal = FormerSeal()

    async def start(self) -> None:
        now = datetime.now(UTC)
        await self.database.nodes.insert_one(
            {
                "_id": OLD,
                "host": "localhost",
                "leaseUntil": now + timedelta(minutes=5),
                "pid": 1,
                "publicKey": self.seal.public_key,
                "startedAt": now,
            }
        )

    async def stop(self) -> None:
        await self.database.nodes.delete_one({"_id": OLD})

    async def hold(self, charge_point_id: str = "CP1") -> None:
        """Have the socket of a charge point that has booted."""
        fields = {"ocppSessionId": "s", "nodeId": OLD, "registrationStatus": "Accepted"}
        await self.database.charge_points.update_one({"_id": charge_point_id}, {"$set": fields})

    async def next_command(self) -> dict[str, Any]:
        """Take a command that waits for this node; returns it with its payload opened."""

        async def pending() -> Any:
            return await self.database.commands.find_one({"nodeId": OLD, "status": "Pending"})

        command = dict(await eventually(pending, bool))
        claimed = {"status": "Sent", "sealedPayload": None}
        await self.database.commands.update_one({"_id": command["_id"]}, {"$set": claimed})
        return {**command, "payload": self.seal.open(command["sealedPayload"])}

    async def finish(self, command: dict[str, Any], status: str, **fields: Any) -> None:
        ending = {"response": None, "error": None, **fields, "completedAt": datetime.now(UTC)}
        await self.database.commands.update_one(
            {"_id": command["_id"], "completedAt": None},
            {"$set": {"status": status, "sealedPayload": None, **ending}},
        )

    async def command(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Have the new node send a command; returns the document when it is finished."""
        node = await self.database.nodes.find_one({"_id": NEW})
        assert node is not None
        command_id = uuid4().hex
        await self.database.commands.insert_one(
            {
                "_id": command_id,
                "chargePointId": "CP1",
                "action": action,
                "payload": payload,
                "status": "Pending",
                "response": None,
                "error": None,
                "requestedBy": "Ann",
                "requestedAt": datetime.now(UTC),
                "completedAt": None,
                "nodeId": NEW,
                "transactionId": None,
                "originNodeId": OLD,
                "sealedPayload": former_seal(payload, node["publicKey"]),
            }
        )

        async def found() -> Any:
            return await self.database.commands.find_one({"_id": command_id})

        return dict(await eventually(found, lambda c: c["completedAt"] is not None))

    async def is_alive(self, session_id: str) -> dict[str, Any]:
        """Ask whether a socket is alive; returns the answered document."""
        call_id = uuid4().hex
        await self.database.node_calls.insert_one(
            {
                "_id": call_id,
                "to": NEW,
                "chargePointId": "CP1",
                "sessionId": session_id,
                "isHeard": False,
                "isAlive": None,
                "at": datetime.now(UTC),
            }
        )

        async def found() -> Any:
            return await self.database.node_calls.find_one({"_id": call_id})

        return dict(await eventually(found, lambda call: call["isAlive"] is not None))


@pytest.fixture
def old(io_loop: IOLoop, system: System) -> Iterator[OldNode]:
    node = OldNode(system)

    async def start() -> None:
        await node.start()
        bus = system.central_system.bus
        bus.follow()
        await bus._opened.wait()

    io_loop.run_sync(start)
    yield node
    io_loop.run_sync(node.stop)


def post(system: System, body: Any) -> asyncio.Task[tuple[int, Any]]:
    return asyncio.ensure_future(system.rest("POST", PATH, body))


async def listed(system: System) -> dict[str, Any]:
    _, page = await system.rest("GET", f"{PATH}?limit=1")
    return dict(page["items"][0])


ENDINGS: list[tuple[str, dict[str, Any], int, str]] = [
    ("Answered", {"response": ACCEPTED}, 200, "answered"),
    ("CallError", {"error": {"code": "NotSupported", "description": "no"}}, 502, "callError"),
    ("Timeout", {"error": {"message": "no answer"}}, 504, "sentNoAnswer"),
    ("Offline", {"error": {"message": "Charger not connected"}}, 409, "notSent"),
    # Version 0.1.0 has no other words for a command that may have been carried out.
    ("Offline", {"error": {"message": LOST}}, 504, "sentNoAnswer"),
]


async def test_the_old_node_ends_commands_of_the_new_one(system: System, old: OldNode) -> None:
    await system.whitelist()
    await old.hold()
    for status, fields, http_status, outcome in ENDINGS:
        asked = post(system, {"action": "Reset", "payload": {"type": "Soft"}})
        command = await old.next_command()
        assert (command["action"], command["payload"]) == ("Reset", {"type": "Soft"})
        await old.finish(command, status, **fields)
        answered, answer = await asked
        assert (answered, answer["outcome"]) == (http_status, outcome)
        shown = await listed(system)
        assert (shown["status"], shown["outcome"]) == (status, outcome)


async def test_the_new_node_ends_commands_of_the_old_one(system: System, old: OldNode) -> None:
    charge_point = await system.online()
    charge_point.answers["ClearCache"] = lambda _: ACCEPTED
    answered = await old.command("ClearCache", {})
    assert (answered["status"], answered["response"]) == ("Answered", ACCEPTED)
    refused = asyncio.ensure_future(old.command("GetLocalListVersion", {}))
    unique_id, _ = await charge_point.expect("GetLocalListVersion")
    charge_point.send([4, unique_id, "NotSupported", "no list", {}])
    assert (await refused)["error"] == {"code": "NotSupported", "description": "no list"}
    assert (await refused)["status"] == "CallError"
    # Version 0.1.0 answers 504 to Timeout and 409 to Offline.
    lost = asyncio.ensure_future(old.command("Reset", {"type": "Hard"}))
    await charge_point.expect("Reset")
    charge_point.socket.close()
    assert (await lost)["status"] == "Timeout"
    not_sent = await old.command("ClearCache", {})
    assert not_sent["status"] == "Offline"
    assert not_sent["error"] == {"message": "Charger not connected"}


async def test_the_old_node_asks_whether_a_socket_is_alive(system: System, old: OldNode) -> None:
    charge_point = await system.online()
    session_id = (await system.record())["ocppSessionId"]
    answer = await old.is_alive(session_id)
    assert (answer["isHeard"], answer["isAlive"]) == (True, True)
    assert (await old.is_alive("another"))["isAlive"] is False
    assert await charge_point.call("Heartbeat", {})


async def test_the_new_node_asks_the_old_one_whether_a_socket_is_alive(
    system: System, old: OldNode
) -> None:
    await system.whitelist()
    await old.hold()

    async def question() -> Any:
        return await old.database.node_calls.find_one({"to": OLD})

    newcomer = await system.connect()
    call = await eventually(question, bool)
    assert (call["chargePointId"], call["sessionId"]) == ("CP1", "s")
    for fields in ({"isHeard": True}, {"isAlive": True}):
        await old.database.node_calls.update_one({"_id": call["_id"]}, {"$set": fields})
    assert await newcomer.closed() == (1008, "Already connected")


async def test_a_command_to_a_node_that_stops_ends_with_it(system: System, old: OldNode) -> None:
    """Not after the time that the charge point would have had: the node is upgraded just now."""
    system.central_system.settings.call_timeout = 600
    await system.whitelist()
    await old.hold()
    claimed = post(system, CLEAR_CACHE)
    await old.next_command()
    waiting = post(system, CLEAR_CACHE)

    async def pending() -> int:
        return await system.database.commands.count_documents({"status": "Pending"})

    await eventually(pending, bool)
    await old.stop()
    status, problem = await claimed
    assert (status, problem["outcome"]) == (504, "sentNoAnswer")
    status, problem = await waiting
    assert (status, problem["outcome"]) == (504, "notSent")
    assert "not sent" in problem["detail"]


async def test_a_command_that_was_sealed_for_the_process_before_is_refused_at_once(
    system: System, old: OldNode
) -> None:
    charge_point: ScriptedChargePoint = await system.online()
    await system.database.nodes.update_one(
        {"_id": NEW}, {"$set": {"publicKey": FormerSeal().public_key}}
    )
    command = await old.command("ClearCache", {})
    assert (command["status"], command["outcome"]) == ("Offline", "notSent")
    assert "has restarted" in command["error"]["message"]
    assert charge_point.waiting_calls == 0
