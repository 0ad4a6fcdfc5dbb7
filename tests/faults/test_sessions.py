"""Sessions whose id the charge points have lost, under faults: each is there once, and whole.

Every charge point starts a transaction, sends readings without an id, and a stop whose id is 0,
of which every other has no register either; again and again, whatever is refused or lost.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from csms.domain.times import rfc3339
from csms.embedded_mongod import running_uri
from csms.mongod_state import MongodState
from tests.e2e import test_serve
from tests.faults.load import Load, Sender, senders, survive
from tests.faults.test_nodes import TOKEN, node

pytestmark = pytest.mark.long

DATABASE = "csms_sessions"
READINGS = 3
STEP = 100
"""Wh between two readings."""


class Sessions(Load):
    """Charge points that charge."""

    def __init__(self, senders: Sequence[Sender]) -> None:
        self.ended: dict[int, int] = {}
        """The energy of each transaction whose stop was acknowledged, by its id."""
        self.readings: dict[str, int] = {}
        """The transaction of each reading that was acknowledged, by its raw value."""
        super().__init__(senders)

    async def _keep_sending(self, number: int, sender: Sender) -> None:
        clock = Clock()
        register = 0
        while not self._stopping:
            begin = {"connectorId": 1, "idTag": f"TAG{number}", "meterStart": register}
            answer = await sender.send("StartTransaction", begin | {"timestamp": clock()})
            transaction_id = answer["transactionId"]
            for _ in range(READINGS):
                register += STEP
                raw = f"{register}.{number:03}"
                await sender.send("MeterValues", reading(raw, clock()))
                self.acknowledged.append(f"{number}.{register}")
                self.readings[raw] = transaction_id
            end = {"transactionId": 0, "timestamp": clock()}
            if len(self.ended) % 2:
                end["meterStop"] = register
            await sender.send("StopTransaction", end)
            assert transaction_id not in self.ended
            self.ended[transaction_id] = READINGS * STEP


class Clock:
    """The time now, and never the same twice."""

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)

    def __call__(self) -> str:
        self._last = max(datetime.now(UTC), self._last + timedelta(milliseconds=1))
        return rfc3339(self._last)


def reading(raw: str, stamp: str) -> dict[str, Any]:
    """A MeterValues.req with a register and no id."""
    return {
        "connectorId": 1,
        "meterValue": [{"timestamp": stamp, "sampledValue": [{"value": raw}]}],
    }


def assert_whole(load: Sessions, uri: str, database: str = "csms") -> None:
    """Every session is one transaction, with its energy and its readings."""
    with MongoClient[dict[str, Any]](uri, readConcernLevel="majority") as mongo:
        transactions = {one["_id"]: one for one in mongo[database]["transactions"].find()}
        stored = list(mongo[database]["meter_values"].find())
    assert load.ended
    assert load.ended.keys() == transactions.keys()
    energies = {key: round(one["energyWh"]) for key, one in transactions.items()}
    assert energies == load.ended
    assert {one["status"] for one in transactions.values()} == {"Completed"}
    owners = {one["sampledValue"][0]["raw"]: one["transactionId"] for one in stored}
    assert len(owners) == len(stored)
    assert owners == load.readings


@pytest.mark.gen_test(timeout=150)
async def test_the_database_is_killed(tmp_path: Path) -> None:
    async with test_serve.serve(tmp_path) as process:
        client = await process.ready()
        load = Sessions(await senders(client, token=(tmp_path / "admin-token").read_text().strip()))
        state, uri = MongodState.read(tmp_path), running_uri(tmp_path)
        assert state is not None and uri is not None

        async def kill() -> None:
            os.kill(state.pid, signal.SIGKILL)

        await survive(load, kill, "sessions, mongod killed")
        assert_whole(load, uri)
        for sender in load.senders:
            await sender.close()


@pytest.mark.gen_test(timeout=150)
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
        load = Sessions(await senders(first, second, token=TOKEN))

        async def kill() -> None:
            await process.end(signal.SIGKILL)

        await survive(load, kill, "sessions, node killed")
        assert_whole(load, mongodb_uri, DATABASE)
        for sender in load.senders:
            await sender.close()
