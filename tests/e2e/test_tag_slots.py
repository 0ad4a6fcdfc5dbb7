"""`maxActiveTransactions` holds over nodes: of starts at the same moment, so many are accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from csms.config import Settings
from csms.domain.times import rfc3339
from tests.e2e.test_nodes import beside
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ROUNDS = 20


@pytest.fixture
def other(
    io_loop: IOLoop, system: System, mongodb_uri: str, settings: Settings
) -> Iterator[System]:
    yield from beside(io_loop, system, mongodb_uri, settings)


def start(seconds: int, tag: str = "TAG") -> dict[str, Any]:
    at = rfc3339(datetime.now(UTC) + timedelta(seconds=seconds))
    return {"connectorId": 1, "idTag": tag, "meterStart": 0, "timestamp": at}


async def boot(node: System, identity: str) -> ScriptedChargePoint:
    await node.whitelist(identity)
    charge_point = await node.connect(identity)
    await charge_point.boot()
    return charge_point


@pytest.mark.parametrize("limit", [1, 2])
async def test_of_starts_at_once_on_two_nodes_as_many_as_may_are_accepted(
    system: System, other: System, limit: int
) -> None:
    await system.rest("POST", "/admin/id-tags", {"idTag": "TAG", "maxActiveTransactions": limit})
    charge_points = [
        await boot(node, f"{node.central_system.settings.node_id}{n}")
        for node in (system, other)
        for n in range(2)
    ]
    for number in range(ROUNDS):
        answers = await asyncio.gather(
            *(one.call("StartTransaction", start(number)) for one in charge_points)
        )
        statuses = sorted(answer["idTagInfo"]["status"] for answer in answers)
        assert statuses == ["Accepted"] * limit + ["ConcurrentTx"] * (4 - limit), number
        assert len({answer["transactionId"] for answer in answers}) == 4
        await asyncio.gather(
            *(
                one.call("StopTransaction", stop(answer["transactionId"], number))
                for one, answer in zip(charge_points, answers, strict=True)
            )
        )
    assert await system.database.transactions.count_documents({}) == 4 * ROUNDS


def stop(transaction_id: int, seconds: int) -> dict[str, Any]:
    at = rfc3339(datetime.now(UTC) + timedelta(seconds=seconds))
    return {"transactionId": transaction_id, "meterStop": 1, "timestamp": at}


async def test_a_start_that_is_sent_again_needs_no_second_slot(
    system: System, other: System
) -> None:
    await system.rest("POST", "/admin/id-tags", {"idTag": "TAG", "maxActiveTransactions": 1})
    first = await boot(system, "CP1")
    payload = start(0)
    answers = await asyncio.gather(*(first.call("StartTransaction", payload) for _ in range(3)))
    assert {answer["idTagInfo"]["status"] for answer in answers} == {"Accepted"}
    assert len({answer["transactionId"] for answer in answers}) == 1
