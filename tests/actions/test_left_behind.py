"""Transactions that a charge point has forgotten: noticed after a boot, no burden to drivers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.config import Settings
from csms.domain.times import rfc3339
from tests.actions.support import documents
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test


def now(**later: float) -> str:
    return rfc3339(datetime.now(UTC) + timedelta(**later))


async def start(charge_point: ScriptedChargePoint, **fields: Any) -> tuple[int, str]:
    payload = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": now(), **fields}
    answer = await charge_point.call("StartTransaction", payload)
    return answer["transactionId"], answer["idTagInfo"]["status"]


async def metered(charge_point: ScriptedChargePoint, number: int | None, value: str) -> None:
    element = {"timestamp": now(), "sampledValue": [{"value": value}]}
    payload: dict[str, Any] = {"connectorId": 1, "meterValue": [element]}
    await charge_point.call("MeterValues", payload | ({"transactionId": number} if number else {}))


async def available(charge_point: ScriptedChargePoint, connector_id: int = 1, **f: Any) -> None:
    payload = {"connectorId": connector_id, "status": "Available", "errorCode": "NoError", **f}
    await charge_point.call("StatusNotification", payload)


async def shown(system: System, number: int) -> dict[str, Any]:
    status, transaction = await system.rest("GET", f"/admin/transactions/{number}")
    assert status == 200
    return dict(transaction)


async def again(charge_point: ScriptedChargePoint, system: System) -> ScriptedChargePoint:
    """The same charge point after it lost its power."""
    await charge_point.close()
    await eventually(system.record, lambda record: record["ocppSessionId"] is None)
    charge_point = await system.connect()
    await charge_point.boot()
    return charge_point


async def test_the_word_available_is_known_in_any_case(system: System) -> None:
    charge_point = await system.online("CP1")
    number, _ = await start(charge_point)
    await charge_point.boot()
    await available(charge_point, status="available")
    assert (await shown(system, number))["flags"] == ["leftBehind"]


@pytest.mark.parametrize("same_socket", [True, False])
async def test_after_a_boot_a_forgotten_one_is_flagged_and_no_longer_counts(
    system: System, same_socket: bool
) -> None:
    await system.rest("POST", "/admin/id-tags", {"idTag": "TAG", "maxActiveTransactions": 1})
    charge_point, other = await system.online("CP1"), await system.online("CP2")
    number, _ = await start(charge_point)
    await metered(charge_point, number, "4200")
    # Without a boot, it may be that only the order is wrong.
    await available(charge_point)
    assert (await shown(system, number))["flags"] == []
    if same_socket:
        await charge_point.boot()
    else:
        charge_point = await again(charge_point, system)
    await available(charge_point, 2)
    assert (await start(other))[1] == "ConcurrentTx"
    await available(charge_point)
    await available(charge_point)
    forgotten = await shown(system, number)
    assert (forgotten["flags"], forgotten["status"]) == (["leftBehind"], "Active")
    assert (await start(other, connectorId=2))[1] == "Accepted"
    record = await eventually(system.record, lambda record: record.get("protocolTrouble"))
    assert record["protocolTrouble"]["leftBehind"] == 1
    # What is metered from now on is not its own, and the next one ends it.
    await metered(charge_point, None, "4300")
    await start(charge_point, meterStart=4300)
    forgotten = await shown(system, number)
    assert (forgotten["status"], forgotten["energyWh"]) == ("Abandoned", 3200)
    assert forgotten["flags"] == ["leftBehind", "abandoned"]


async def test_a_transaction_from_after_the_boot_is_not_left_behind(system: System) -> None:
    charge_point = await system.online()
    number, _ = await start(charge_point)
    await available(charge_point)
    assert (await shown(system, number))["flags"] == []


async def test_a_status_from_before_the_transaction_says_nothing_of_it(system: System) -> None:
    charge_point = await system.online()
    number, _ = await start(charge_point)
    await charge_point.boot()
    await available(charge_point, timestamp=now(minutes=-4))
    assert (await shown(system, number))["flags"] == []


@pytest.mark.parametrize("sign", ["Charging", "SuspendedEV", "reading"])
async def test_what_went_on_after_a_boot_was_not_forgotten_in_it(system: System, sign: str) -> None:
    charge_point = await system.online()
    number, _ = await start(charge_point)
    await charge_point.boot()
    # Not its own word: a reading that names no transaction may come from an idle meter.
    await metered(charge_point, None, "1400")
    if sign == "reading":
        await metered(charge_point, number, "1500")
    else:
        await available(charge_point, status=sign)
    await available(charge_point)
    assert (await shown(system, number))["flags"] == []


async def test_it_is_not_left_behind_if_it_goes_on(system: System) -> None:
    charge_point = await system.online()
    number, _ = await start(charge_point)
    await charge_point.boot()
    await metered(charge_point, None, "1400")
    await available(charge_point)
    assert (await shown(system, number))["flags"] == ["leftBehind"]
    old = {"timestamp": now(minutes=-1), "sampledValue": [{"value": "1"}]}
    late = {"connectorId": 1, "transactionId": number, "meterValue": [old]}
    await charge_point.call("MeterValues", late)
    assert (await shown(system, number))["flags"] == ["leftBehind"]
    await metered(charge_point, number, "1500")
    transaction = await shown(system, number)
    assert (transaction["flags"], transaction["leftBehindAt"]) == ([], None)
    await metered(charge_point, None, "1600")
    assert (await shown(system, number))["energyWh"] == 600


async def test_it_is_left_behind_since_the_charge_points_own_time(system: System) -> None:
    """Its readings have that time, too: none of the minutes after counts for the transaction."""
    charge_point = await system.online()
    number, _ = await start(charge_point, timestamp=now(minutes=-4))
    await charge_point.boot()
    await available(charge_point, timestamp=now(minutes=-3))
    idle = {"timestamp": now(minutes=-2), "sampledValue": [{"value": "9000"}]}
    await charge_point.call("MeterValues", {"connectorId": 1, "meterValue": [idle]})
    [reading] = await documents(system, "meter_values")
    assert reading["transactionId"] is None
    assert (await shown(system, number))["energyWh"] is None


class TestWithHoursThatAreShort:
    """The sweeper, where a transaction is stale after a moment."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        settings.stale_transaction_hours = 0.1 / 3600
        return settings

    async def test_a_stale_one_is_closed_and_its_stop_still_counts(self, system: System) -> None:
        charge_point = await system.online()
        number, _ = await start(charge_point)
        other, _ = await start(charge_point, connectorId=2)
        await metered(charge_point, number, "4200")
        await charge_point.boot()
        await available(charge_point)
        closed = await eventually(
            lambda: shown(system, number), lambda one: one["status"] != "Active"
        )
        assert (closed["status"], closed["energyWh"]) == ("Abandoned", 3200)
        assert (await shown(system, other))["status"] == "Active"
        stop = {"transactionId": number, "meterStop": 5000, "timestamp": now()}
        await charge_point.call("StopTransaction", stop)
        ended = await shown(system, number)
        assert (ended["status"], ended["energyWh"]) == ("Completed", 4000)


@pytest.mark.parametrize("value", ["18446744073709551615", "-1e25", "1e29"])
async def test_a_reading_that_no_register_has_holds_nothing_up(system: System, value: str) -> None:
    charge_point = await system.online("CP1")
    for _ in range(2):
        number, _ = await start(charge_point)
        # The second is not in the record yet when the transaction ends.
        await metered(charge_point, number, "1200")
        await metered(charge_point, number, "1500")
        await metered(charge_point, number, value)
    stop = {"transactionId": number, "timestamp": now(), "meterStop": -1}
    await charge_point.call("StopTransaction", stop)
    found = [await shown(system, one) for one in (number - 1, number)]
    assert [(one["status"], one["energyWh"]) for one in found] == [
        ("Abandoned", 500),
        ("Completed", 500),
    ]
