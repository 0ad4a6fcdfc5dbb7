"""A command for a socket on another node ends when that node, or its session, does."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from csms.connections.seal import Seal
from tests.e2e.test_nodes import PATH, other, there
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

__all__ = ["other"]

CLEAR_CACHE = {"action": "ClearCache"}
SOON = 2.0
"""Seconds, as promised; and what a busy machine takes on top."""
SLACK = 3.0


@pytest.fixture(autouse=True)
def _patient(system: System) -> None:
    """The charge point itself may take its time."""
    system.central_system.settings.call_timeout = 600


def post(system: System) -> asyncio.Task[tuple[int, Any]]:
    return asyncio.ensure_future(system.rest("POST", f"{PATH}/commands", CLEAR_CACHE))


async def ends(asked: asyncio.Task[tuple[int, Any]], began: float) -> tuple[int, str]:
    status, problem = await asked
    assert time.monotonic() - began < SOON + SLACK
    return status, problem["outcome"]


async def is_with(system: System, status: str) -> None:
    """Wait until the command is so far."""

    async def count() -> int:
        return await system.database.commands.count_documents({"status": status})

    await eventually(count, bool)


def deaf(other: System) -> None:
    """Have the other node take no more commands, as one that is frozen."""

    async def nothing(_: Any) -> None:
        return None

    other.central_system.bus._serve = nothing  # type: ignore[method-assign]


async def no_more_lease(other: System) -> None:
    """The other node is dead, and nobody has removed it yet."""
    await other.central_system.lease._task.stop()
    await other.central_system.lease._nodes.declare_dead("other")


async def test_with_the_lease(system: System, other: System) -> None:
    await there(other)
    deaf(other)
    await system.central_system.lease._task.stop()
    asked = post(system)
    await is_with(system, "Pending")
    await no_more_lease(other)
    assert await ends(asked, time.monotonic()) == (504, "notSent")
    assert await system.database.nodes.count_documents({"_id": "other"}) == 1


async def test_with_the_lease_though_it_may_have_been_sent(system: System, other: System) -> None:
    charge_point = await there(other)
    asked = post(system)
    await charge_point.expect("ClearCache")
    await no_more_lease(other)
    assert await ends(asked, time.monotonic()) == (504, "sentNoAnswer")


async def test_with_the_session(system: System, other: System) -> None:
    await there(other)
    deaf(other)
    asked = post(system)
    await is_with(system, "Pending")
    await system.database.charge_points.update_one(
        {"_id": "CP1"}, {"$set": {"ocppSessionId": "another", "nodeId": "a third one"}}
    )
    assert await ends(asked, time.monotonic()) == (504, "notSent")


async def test_with_the_process_that_it_was_sealed_for(system: System, other: System) -> None:
    await there(other)
    other.central_system.bus._seal = Seal()
    began = time.monotonic()
    assert await ends(post(system), began) == (409, "notSent")


@pytest.mark.parametrize("garbage", [None, b"", b"\0" * 100])
async def test_a_message_that_is_none_is_answered(
    system: System, other: System, garbage: bytes | None
) -> None:
    await there(other)
    node = await system.database.nodes.find_one({"_id": "other"})
    command = {
        "_id": "c", "chargePointId": "CP1", "action": "ClearCache", "payload": {},
        "status": "Pending", "outcome": None, "completedAt": None, "nodeId": "other",
        "originNodeId": "test", "sealedPayload": garbage, "isSealedByHpke": bool(garbage),
    }  # fmt: skip
    assert node is not None
    await system.database.commands.insert_one(command)

    async def outcome() -> Any:
        found = await system.database.commands.find_one({"_id": "c"})
        return found and found["outcome"]

    assert await eventually(outcome, bool) == "notSent"


async def test_an_action_that_the_other_node_does_not_know_is_not_sent(
    system: System, other: System
) -> None:
    await there(other)
    del other.central_system.services.commands._outbound["ClearCache"]  # type: ignore[attr-defined]
    assert await ends(post(system), time.monotonic()) == (409, "notSent")


async def test_with_the_next_start_of_the_node_that_was_asked(system: System) -> None:
    """Its process died, and with it who had asked."""
    charge_point = await system.online()
    asked = post(system)
    unique_id, _ = await charge_point.expect("ClearCache")
    lease = system.central_system.lease
    await lease.stop()
    await lease.start()
    command = await system.database.commands.find_one({})
    assert command is not None and command["completedAt"] is not None
    assert (command["status"], command["outcome"]) == ("Timeout", "sentNoAnswer")
    charge_point.reply(unique_id, {"status": "Accepted"})
    await asked
