"""The energy of a transaction: never negative, and from readings where registers are missing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.energy import NO_REGISTERS, Energy, Registers, energy_of, registers_of

REGISTER = st.none() | st.integers(min_value=-(2**40), max_value=2**40)


@pytest.mark.parametrize(
    ("transaction", "meter_stop", "own", "energy"),
    [
        ({"meterStart": 100}, 350, NO_REGISTERS, Energy(250, (), None, None)),
        ({"meterStart": 100}, 99, NO_REGISTERS, Energy(0, (), None, None)),
        ({"meterStart": 100}, 98, NO_REGISTERS, Energy(None, ("meterStopBelowStart",), None, None)),
        (
            {"meterStart": 100, "lastMeter": 180.0}, 98, NO_REGISTERS,
            Energy(80, ("meterStopBelowStart", "energyFromLastReading"), None, 180.0),
        ),
        (
            {"meterStart": 100, "lastMeter": 180.0}, None, NO_REGISTERS,
            Energy(80, ("energyFromLastReading",), None, 180.0),
        ),
        (
            {"meterStart": 100, "lastMeter": 180.0}, None, Registers(None, 200),
            Energy(100, ("energyFromLastReading",), None, 200),
        ),
        # A meter that was exchanged: what was counted before.
        (
            {"meterStart": 100, "lastMeter": 3.0, "energyWh": 70.0}, None, NO_REGISTERS,
            Energy(70, ("energyFromLastReading",), None, None),
        ),
        ({"assumedMeterStart": 90.0}, 350, NO_REGISTERS, Energy(260, (), 90.0, None)),
        ({}, 350, Registers(100, 340), Energy(250, (), 100, None)),
        ({}, 350, NO_REGISTERS, Energy(None, (), None, None)),
    ],
)  # fmt: skip
def test_energies(
    transaction: dict[str, Any], meter_stop: int | None, own: Registers, energy: Energy
) -> None:
    assert energy_of(transaction, meter_stop, own) == energy


@given(REGISTER, REGISTER, REGISTER, REGISTER, REGISTER, REGISTER)
def test_energy_is_never_negative(
    start: int | None,
    assumed: int | None,
    last: int | None,
    stop: int | None,
    first: int | None,
    end: int | None,
) -> None:
    transaction = {"meterStart": start, "assumedMeterStart": assumed, "lastMeter": last}
    energy = energy_of(transaction, stop, Registers(first, end)).wh
    assert energy is None or energy >= 0


def reading(value: str, context: str | None = None, **fields: str) -> dict[str, Any]:
    sample = {"value": value, **fields, **({"context": context} if context else {})}
    return {"sampledValue": [sample]}


BEGIN, END = "Transaction.Begin", "Transaction.End"


@pytest.mark.parametrize(
    ("data", "registers"),
    [
        ([], (None, None)),
        ([reading("1.5", BEGIN, unit="kWh"), reading("4", END, unit="kWh")], (1500, 4000)),
        ([reading("10"), reading("30", "Sample.Clock"), reading("20")], (10, 20)),
        ([reading("5", BEGIN), reading("10"), reading("20")], (5, 20)),
        ([reading("10"), reading("20"), reading("25", END)], (10, 25)),
        # One reading alone is the first or the last, not both.
        ([reading("10")], (None, 10)),
        ([reading("10", BEGIN)], (10, None)),
        ([reading("10", END)], (None, 10)),
        # No register: another measurand, a phase, signed, garbage, no reading.
        (
            [
                reading("7", measurand="Power.Active.Import"),
                reading("7", phase="L1"),
                reading("7", format="SignedData"),
                reading("x"),
                reading("-1"),
            ],
            (None, None),
        ),
    ],
)
def test_registers_of_transaction_data(data: list[Any], registers: tuple[Any, Any]) -> None:
    assert registers_of(data) == registers
