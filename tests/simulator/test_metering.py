"""Meter values as they are sent."""

from __future__ import annotations

import random
from typing import Any

from csms.ocppj.payloads import outbound_errors
from csms.simulator.metering import ENERGY, MEASURANDS, meter_value
from csms.simulator.vehicle import Charge, Supply, Vehicle

CAR = Vehicle(60_000, 11_000, 3, 100_000, 400, 0.6)


def read(charge: Charge | None, measurands: tuple[str, ...] = MEASURANDS) -> dict[str, Any]:
    value = meter_value(
        "2026-05-01T12:00:00Z", "Sample.Periodic", measurands, 1234, charge, random.Random(1)
    )
    assert value is not None
    assert outbound_errors("MeterValues", {"connectorId": 1, "meterValue": [value]}) == []
    return value


def keys(value: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(s["measurand"], s.get("phase")) for s in value["sampledValue"]]


def test_three_phases() -> None:
    value = read(Charge(CAR, Supply(22_000, 3), 0.5))
    assert keys(value) == [
        (ENERGY, None),
        ("Power.Active.Import", None),
        *(("Current.Import", phase) for phase in ("L1", "L2", "L3")),
        *(("Voltage", phase) for phase in ("L1-N", "L2-N", "L3-N")),
    ]
    energy, power, current, *_, voltage = value["sampledValue"]
    context = "Sample.Periodic"
    assert energy == {"measurand": ENERGY, "unit": "Wh", "value": "1234", "context": context}
    assert (power["value"], power["unit"]) == ("11000", "W")
    assert (current["value"], current["unit"]) == ("15.9", "A")
    assert abs(float(voltage["value"]) - 230) < 2


def test_direct_current_has_a_state_of_charge_and_no_phases() -> None:
    value = read(Charge(CAR, Supply(150_000, 0), 0.5))
    assert keys(value) == [(measurand, None) for measurand in MEASURANDS]
    soc = value["sampledValue"][-1]
    assert (soc["value"], soc["unit"], soc["location"]) == ("50", "Percent", "EV")


def test_only_what_is_asked_for() -> None:
    assert keys(read(Charge(CAR, Supply(150_000, 0), 0.5), ("SoC",))) == [("SoC", None)]


def test_without_a_vehicle_there_is_only_the_register() -> None:
    assert keys(read(None)) == [(ENERGY, None)]


def test_nothing_to_say() -> None:
    assert meter_value("2026-05-01T12:00:00Z", "Trigger", (), 1, None, random.Random(1)) is None
