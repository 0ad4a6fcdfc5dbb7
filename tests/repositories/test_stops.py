"""Stops on a real database: each counts once, whatever id it carries and however many come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from csms import db
from csms.domain.id_tag import IdTagInfo
from csms.domain.transaction_start import Start
from csms.domain.transaction_stop import MAX_EARLIER_STOPS, Stop
from csms.repositories.left_behind import LeftBehind
from csms.repositories.stops import MAX_STOP_KEYS, Stops
from csms.repositories.transactions import Transactions
from tests.repositories.conftest import START, Clock

pytestmark = pytest.mark.gen_test

ACCEPTED = IdTagInfo("Accepted")


class Node:
    """What a node has of the transactions."""

    def __init__(self, database: db.Database) -> None:
        self.transactions = Transactions(database)
        self.stops = Stops(self.transactions)

    async def start(self, connector_id: int = 1, **changes: Any) -> int:
        payload = {
            "connectorId": connector_id,
            "idTag": "TAG",
            "meterStart": 100,
            "timestamp": "2026-05-01T11:00:00Z",
            **changes,
        }
        start = Start.of("CP1", "CP1", payload, START)
        return int((await self.transactions.start(start, ACCEPTED, START))["_id"])

    async def stop(self, charge_point_id: str = "CP1", **changes: Any) -> db.Document:
        payload = {
            "transactionId": 0,
            "meterStop": 350,
            "timestamp": "2026-05-01T11:30:00Z",
            **changes,
        }
        stop = Stop.of(charge_point_id, charge_point_id, payload, START)
        return (await self.stops.stop(stop, START)).transaction


@pytest.fixture
def nodes(database: db.Database) -> list[Node]:
    return [Node(database), Node(database)]


async def statuses(node: Node) -> dict[int, str]:
    return {one["_id"]: one["status"] async for one in node.transactions.collection.find()}


async def test_the_same_stop_without_an_id_at_once_on_two_nodes_ends_one(nodes: list[Node]) -> None:
    one = await nodes[0].start()
    other = await nodes[0].start(2, meterStart=900)
    ended = await asyncio.gather(*(nodes[n % 2].stop() for n in range(12)))
    assert {document["_id"] for document in ended} == {one}
    assert await statuses(nodes[0]) == {one: "Completed", other: "Active"}


async def test_a_repeat_never_ends_what_is_left(nodes: list[Node]) -> None:
    # The first was the only one that fitted; the repeat would fit the second alone.
    first = await nodes[0].start(timestamp="2026-05-01T11:00:00Z")
    assert (await nodes[0].stop())["_id"] == first
    second = await nodes[0].start(2)
    assert (await nodes[1].stop())["_id"] == first
    assert await statuses(nodes[0]) == {first: "Completed", second: "Active"}


async def test_a_repeat_that_has_lost_its_id_ends_nothing_else(nodes: list[Node]) -> None:
    first = await nodes[0].start()
    await nodes[0].stop(transactionId=first)
    second = await nodes[0].start(2)
    assert (await nodes[1].stop())["_id"] == first
    # Where the connector is named, it decides.
    assert (await nodes[1].stop(connectorId=2))["_id"] == second


async def test_a_stop_that_two_would_fit_is_an_orphan_once(nodes: list[Node]) -> None:
    running = [await nodes[0].start(1), await nodes[0].start(2)]
    ended = await asyncio.gather(*(nodes[n % 2].stop() for n in range(8)))
    [orphan] = {document["_id"] for document in ended}
    assert await statuses(nodes[0]) == {running[0]: "Active", running[1]: "Active"} | {
        orphan: "Orphaned"
    }


async def test_of_two_that_fit_the_one_that_was_left_behind_is_not_meant(
    nodes: list[Node],
) -> None:
    forgotten, running = await nodes[0].start(), await nodes[0].start(2)
    await LeftBehind(nodes[0].transactions).flag(forgotten, START)
    assert (await nodes[0].stop())["_id"] == running
    # Alone, it may be what is stopped after all.
    assert (await nodes[0].stop(timestamp="2026-05-01T11:31:00Z"))["_id"] == forgotten


async def test_the_id_outranks_a_stop_that_was_only_thought_to_fit(nodes: list[Node]) -> None:
    running = await nodes[0].start()
    assert (await nodes[0].stop(meterStop=900))["energyWh"] == 800
    await nodes[0].start(timestamp="2026-05-01T11:40:00Z", meterStart=300)
    ended = await nodes[0].stop(transactionId=running, meterStop=300)
    assert (ended["energyWh"], ended["earlierStops"][0]["meterStop"]) == (200, 900)
    assert (await nodes[1].stop(meterStop=900))["energyWh"] == 200


async def test_a_matched_stop_takes_the_readings_that_were_sent_under_its_id(
    nodes: list[Node], database: db.Database
) -> None:
    running = await nodes[0].start()
    await database.meter_values.insert_one(
        {
            "_id": "1", "chargePointId": "CP1", "reportedTransactionId": 4711,
            "transactionId": None, "timestamp": START.replace(hour=11, minute=20),
            "receivedAt": START,
            "sampledValue": [
                {"measurand": "Energy.Active.Import.Register", "phase": None, "value": 300.0}
            ],
        }
    )  # fmt: skip
    ended = await nodes[0].stop(transactionId=4711, idTag="TAG", meterStop=-1)
    assert (ended["_id"], ended["energyWh"]) == (running, 200)


async def test_the_connector_that_a_vendor_sends_decides(nodes: list[Node]) -> None:
    await nodes[0].start(1)
    second = await nodes[0].start(2)
    assert (await nodes[0].stop(connectorId=2))["_id"] == second


@pytest.mark.parametrize("transaction_id", [0, -1, None, 2**53, 4711])
async def test_no_stop_reaches_another_charge_point(
    nodes: list[Node], transaction_id: int | None
) -> None:
    running = await nodes[0].start()
    for sent in (transaction_id, running):
        ended = await nodes[0].stop("CP2", transactionId=sent, idTag="TAG", connectorId=1)
        assert (ended["status"], ended["chargePointId"]) == ("Orphaned", "CP2")
    assert (await nodes[0].transactions.get(running))["status"] == "Active"


async def test_an_unknown_id_is_matched_by_the_tag_alone(nodes: list[Node]) -> None:
    running = await nodes[0].start()
    assert (await nodes[0].stop(transactionId=4711))["status"] == "Orphaned"
    ended = await nodes[0].stop(transactionId=4711, idTag="tag", meterStop=360)
    assert (ended["_id"], ended["flags"], ended["energyWh"]) == (
        running, ["late", "matchedWithoutId"], 260
    )  # fmt: skip


async def test_a_clock_that_was_never_set_may_stop_twice_with_the_same_words(
    nodes: list[Node],
) -> None:
    useless = {"timestamp": "0000-00-00T00:00:00Z"}
    clock = Clock()
    ended = []
    for _ in range(2):
        clock.advance(hours=1)
        start = Start.of(
            "CP1", "CP1", {"connectorId": 1, "idTag": "TAG", "meterStart": 0, **useless}, clock()
        )
        begun = await nodes[0].transactions.start(start, ACCEPTED, clock())
        clock.advance(minutes=30)
        payload = {"transactionId": 0, "meterStop": 350, **useless}
        stop = Stop.of("CP1", "CP1", payload, clock())
        for _ in range(2):
            stopped = (await nodes[1].stops.stop(stop, clock())).transaction
            ended.append(stopped["_id"])
        assert (await nodes[0].transactions.get(begun["_id"]))["status"] == "Completed"
    assert await nodes[0].transactions.collection.count_documents({}) == 2
    assert ended[0] == ended[1] != ended[2]


async def test_an_orphan_of_version_0_1_0_is_recognised(nodes: list[Node]) -> None:
    await nodes[0].transactions.collection.insert_one(
        {
            "_id": 5, "chargePointId": "CP1", "status": "Orphaned", "flags": [],
            "stopIdTag": None, "updatedAt": START,
            "startKey": "stop|CP1|0|2026-05-01T11:30:00Z|350",
        }
    )  # fmt: skip
    assert (await nodes[0].stop())["_id"] == 5
    assert (await nodes[0].stop(idTag="TAG"))["_id"] != 5


async def test_no_id_makes_a_stop_of_one_charge_point_that_of_another(nodes: list[Node]) -> None:
    await nodes[0].transactions.collection.insert_one(
        {
            "_id": 5, "chargePointId": "CP|1", "connectorId": None, "status": "Orphaned",
            "stopIdTag": None, "startKey": "stop|CP|1|7|2026-05-01T11:30:00Z|350",
        }
    )  # fmt: skip
    mine = await nodes[0].stop(charge_point_id="CP", transactionId="1|7")
    assert (mine["chargePointId"], mine["status"]) == ("CP", "Orphaned")


async def test_a_stop_that_is_corrected_for_ever_does_not_grow(nodes: list[Node]) -> None:
    running = await nodes[0].start()
    for n in range(MAX_STOP_KEYS + 10):
        stamp = f"2026-05-01T11:{30 + n // 60}:{n % 60:02}Z"
        document = await nodes[0].stop(transactionId=running, meterStop=350 + n, timestamp=stamp)
    assert document["energyWh"] == 250 + n
    earlier = [stop["meterStop"] for stop in document["earlierStops"]]
    assert (earlier[0], earlier[-1], len(earlier)) == (350, 350 + n - 1, MAX_EARLIER_STOPS + 1)
    assert len(document["stopKeys"]) == MAX_STOP_KEYS
    assert await nodes[1].stop(transactionId=running) == document


async def test_a_later_stop_corrects_and_repeats_of_both_change_nothing(nodes: list[Node]) -> None:
    running = await nodes[0].start()
    first = {"transactionId": running, "reason": "Other"}
    second = {"transactionId": running, "meterStop": 600, "timestamp": "2026-05-01T11:45:00Z"}
    await nodes[0].stop(**first)
    ended = await asyncio.gather(*(nodes[n % 2].stop(**second) for n in range(6)))
    assert {document["energyWh"] for document in ended} == {500}
    for again in (first, second):
        document = await nodes[1].stop(**again)
        assert (document["meterStop"], document["energyWh"]) == (600, 500)
    assert [stop["meterStop"] for stop in document["earlierStops"]] == [350]
    assert document["flags"] == ["late", "stopCorrected"]


async def test_nothing_is_corrected_when_another_has_begun_there(nodes: list[Node]) -> None:
    running = await nodes[0].start()
    await nodes[0].stop(transactionId=running)
    later = START.replace(hour=13)
    payload = {
        "connectorId": 1, "idTag": "T", "meterStart": 350, "timestamp": "2026-05-01T12:10:00Z"
    }  # fmt: skip
    await nodes[0].transactions.start(Start.of("CP1", "CP1", payload, later), ACCEPTED, later)
    second = {"meterStop": 600, "timestamp": "2026-05-01T11:45:00Z"}
    assert (await nodes[0].stop(transactionId=running, **second))["energyWh"] == 250


async def test_an_orphan_takes_the_readings_that_were_sent_under_its_id(
    nodes: list[Node], database: db.Database
) -> None:
    sample = {"measurand": "Energy.Active.Import.Register", "phase": None}
    for minute, register, owner in ((10, 100.0, "CP1"), (20, 300.0, "CP1"), (5, 1.0, "CP2")):
        await database.meter_values.insert_one(
            {
                "_id": str(minute), "chargePointId": owner, "reportedTransactionId": 4711,
                "transactionId": None, "timestamp": START.replace(hour=11, minute=minute),
                "receivedAt": START,
                "sampledValue": [{**sample, "value": register}],
            }
        )  # fmt: skip
    assert (await nodes[0].stop(transactionId=4711))["energyWh"] == 250
    assert (await nodes[0].stop(transactionId=4711, meterStop=-1))["energyWh"] == 200


async def test_starts_with_the_same_useless_time_agree_on_the_new_session(
    nodes: list[Node],
) -> None:
    useless = {"timestamp": "1970-01-01T00:00:00Z", "meterStart": 0}
    seen = []
    for _ in range(3):
        begun = await asyncio.gather(*(nodes[n % 2].start(**useless) for n in range(8)))
        [one] = set(begun)
        await nodes[0].stop(transactionId=one, meterStop=10, timestamp="1970-01-01T00:00:00Z")
        seen.append(one)
    assert len(set(seen)) == 3
    assert set((await statuses(nodes[0])).values()) == {"Completed"}
