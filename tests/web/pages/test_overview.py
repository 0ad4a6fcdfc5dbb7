"""The overview: counts and sums of the whole fleet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from csms.domain.alarm import Alarm, AlarmKind
from csms.domain.times import rfc3339
from csms.repositories.overview import Fleet, Overview
from tests.support.pages import sign_in
from tests.support.system import System, eventually


@pytest.mark.gen_test
async def test_the_fleet_is_counted(system: System) -> None:
    await system.whitelist("OFF")
    charge_point = await system.online()
    for connector_id, status in ((1, "Charging"), (2, "Faulted")):
        await charge_point.call(
            "StatusNotification",
            {"connectorId": connector_id, "errorCode": "NoError", "status": status},
        )
    trouble = {"$set": {"protocolTrouble.lastAt": system.central_system.services.deps.clock()}}
    await system.database.charge_points.update_one({"_id": "OFF"}, trouble)
    fleet = await Overview(system.database).fleet()
    assert (fleet.connected, fleet.off_line, fleet.faulted, fleet.charging) == (1, 1, 1, 1)
    assert fleet.troubled == 1
    await charge_point.close()

    async def later() -> Fleet:
        return await Overview(system.database).fleet()

    fleet = await eventually(later, lambda fleet: not fleet.connected)
    assert (fleet.off_line, fleet.faulted, fleet.charging) == (2, 0, 0)


@pytest.mark.gen_test
async def test_power_and_energy_are_summed(system: System) -> None:
    charge_point = await system.online()
    await system.rest("POST", "/admin/id-tags", {"idTag": "TAG"})
    now = system.central_system.services.deps.clock()

    async def begin(connector_id: int, meter_start: int) -> int:
        answer = await charge_point.call(
            "StartTransaction",
            {
                "connectorId": connector_id,
                "idTag": "TAG",
                "meterStart": meter_start,
                "timestamp": rfc3339(now),
            },
        )
        return int(answer["transactionId"])

    async def meter(transaction_id: int, connector_id: int, power: int, register: int) -> None:
        samples = [
            {"measurand": "Power.Active.Import", "unit": "W", "value": str(power)},
            {"measurand": "Energy.Active.Import.Register", "unit": "Wh", "value": str(register)},
        ]
        await charge_point.call(
            "MeterValues",
            {
                "connectorId": connector_id,
                "transactionId": transaction_id,
                "meterValue": [{"timestamp": rfc3339(now), "sampledValue": samples}],
            },
        )

    running, ended = await begin(1, 1000), await begin(2, 5000)
    await meter(running, 1, 7000, 1500)
    await meter(ended, 2, 9000, 5200)
    await charge_point.call(
        "StopTransaction",
        {"transactionId": ended, "meterStop": 5300, "timestamp": rfc3339(now)},
    )
    energy = await Overview(system.database).energy(now - timedelta(hours=1))
    assert (energy.power, energy.today, energy.active) == (7000, 800, 1)
    # What was charged before the day began is not of today.
    later = await Overview(system.database).energy(now + timedelta(hours=1))
    assert later.today == 0


@pytest.mark.gen_test
async def test_events_and_who_was_turned_away_are_shown(system: System) -> None:
    await system.online()
    stranger = await system.connect("<STRANGER>")
    await stranger.closed()
    visitor = await sign_in(system, "viewer")
    status, text = await visitor.page("/")
    assert status == 200
    assert "&lt;STRANGER&gt;" in text and "<STRANGER>" not in text
    assert '<a href="/charge-points/CP1">CP1</a>' in text and ">Boot<" in text


@pytest.mark.gen_test
async def test_alarms_of_one_kind_are_one_entry(system: System) -> None:
    alarms = system.central_system.alarms
    for number in range(3):
        alarms.note(Alarm(AlarmKind.SERIAL_NOT_SHOWN, f"CP{number}", f"CP{number}"))
    alarms.note(Alarm(AlarmKind.NODE_CLOCK, "node"))
    visitor = await sign_in(system)

    async def page() -> str:
        return (await visitor.page("/"))[1]

    text = await eventually(page, lambda text: "2 more of this kind" in text)
    assert text.count("Accepted without a serial number or a password") == 1
    assert text.index("The clock of a node is off") < text.index("Accepted without a serial")
