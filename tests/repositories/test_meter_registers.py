"""Registers that stand in for what is missing: the last is the last, and none counts twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from csms import db
from csms.domain.id_tag import IdTagInfo
from csms.domain.transaction_start import Start
from csms.domain.transaction_stop import Stop
from csms.repositories.stops import Stops
from csms.repositories.transactions import Transactions
from tests.repositories.conftest import START

pytestmark = pytest.mark.gen_test

NEVER_SET = datetime(1970, 1, 1, tzinfo=START.tzinfo)


def later(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


class Connector:
    """Connector 1 of CP1, at which things happen by our clock."""

    def __init__(self, database: db.Database) -> None:
        self.transactions = Transactions(database)
        self._meter_values: db.Collection = database["meter_values"]
        self._stops = Stops(self.transactions)

    async def start(self, minutes: float, **changes: Any) -> db.Document:
        payload = {
            "connectorId": 1, "idTag": "TAG", "meterStart": 1000,
            "timestamp": later(minutes).isoformat(), **changes,
        }  # fmt: skip
        now = later(minutes)
        start = Start.of("CP1", "CP1", payload, now)
        return await self.transactions.start(start, IdTagInfo("Accepted"), now)

    async def stop(self, minutes: float, number: int, register: int) -> None:
        now = later(minutes)
        payload = {"transactionId": number, "meterStop": register, "timestamp": now.isoformat()}
        await self._stops.stop(Stop.of("CP1", "CP1", payload, now), now)

    async def read(
        self, minutes: float, register: float | None, number: int | None = None, **changes: Any
    ) -> None:
        sample = {
            "measurand": "Energy.Active.Import.Register", "phase": None, "value": register,
        }  # fmt: skip
        await self._meter_values.insert_one(
            {
                "chargePointId": "CP1", "connectorId": 1, "transactionId": number,
                "timestamp": later(minutes), "receivedAt": later(minutes),
                "sampledValue": [sample], **changes,
            }
        )  # fmt: skip

    async def last_register(self, minutes: float) -> float | None:
        return await self.transactions.registers.of_connector("CP1", 1, later(minutes))


@pytest.fixture
def connector(database: db.Database) -> Connector:
    return Connector(database)


async def test_of_one_second_the_reading_that_came_last_counts(connector: Connector) -> None:
    started = await connector.start(0)
    for number, register in enumerate((2000.0, 4000.0, 3000.0)):
        received_at = later(1) + timedelta(milliseconds=number)
        await connector.read(1, register, started["_id"], receivedAt=received_at)
    written = started | {"lastMeter": 2000.0, "lastReadingAt": later(1)}
    found = await connector.transactions.registers.up_to_date(written)
    assert (found["lastMeter"], found["energyWh"]) == (3000, 2000)


@pytest.mark.parametrize("useless", [None, -1.0])
async def test_a_reading_without_a_usable_register_is_passed_over(
    connector: Connector, useless: float | None
) -> None:
    started = await connector.start(0)
    await connector.read(1, 4000.0, started["_id"])
    await connector.read(2, useless, started["_id"])
    found = await connector.transactions.registers.up_to_date(started)
    assert found["lastMeter"] == 4000


async def test_where_the_clock_was_never_set_readings_are_as_old_as_their_receipt(
    connector: Connector,
) -> None:
    started = await connector.start(0, timestamp=NEVER_SET.isoformat())
    for minute, register in ((1, 2000.0), (2, 4000.0)):
        await connector.read(minute, register, started["_id"], timestamp=NEVER_SET)
    written = started | {"lastMeter": 2000.0, "lastReadingAt": later(1)}
    found = await connector.transactions.registers.up_to_date(written)
    assert (found["lastMeter"], found["lastReadingAt"]) == (4000, later(2))


async def test_a_stop_after_the_last_reading_says_where_the_register_is(
    connector: Connector,
) -> None:
    started = await connector.start(0)
    await connector.read(10, 3000.0, started["_id"])
    assert await connector.last_register(11) == 3000
    await connector.stop(20, started["_id"], 5000)
    assert await connector.last_register(21) == 5000
    await connector.read(30, 5010.0)
    assert await connector.last_register(31) == 5010


async def test_what_is_abandoned_ends_where_the_next_one_is_taken_to_begin(
    connector: Connector,
) -> None:
    """Also with a useless clock, and before the progress was written."""
    never_set = {"timestamp": NEVER_SET.isoformat()}
    first = await connector.start(0, **never_set)
    await connector.read(1, 4000.0, first["_id"], timestamp=NEVER_SET)
    began_at = await connector.last_register(2)
    await connector.start(2, meterStart=None, **never_set)
    ended = await connector.transactions.get(first["_id"])
    assert (ended["status"], ended["energyWh"], ended["lastMeter"]) == ("Abandoned", 3000, began_at)


async def test_the_last_transaction_is_the_last_by_our_clock(connector: Connector) -> None:
    """The charge point's clock was set back to when it was made."""
    before = await connector.start(0, timestamp=later(0).isoformat())
    await connector.stop(1, before["_id"], 2000)
    after = await connector.start(2, meterStart=2000, timestamp="2000-01-01T00:00:00Z")
    await connector.stop(3, after["_id"], 7000)
    assert await connector.last_register(4) == 7000
