"""The charging curve."""

from __future__ import annotations

import random

import pytest

from csms.simulator.vehicle import (
    VEHICLES,
    Charge,
    Supply,
    Vehicle,
    draw_charge,
    draw_stay,
)

CAR = Vehicle(60_000, 11_000, 3, 100_000, 400, 0.6)
SMALL_CAR = Vehicle(40_000, 7_400, 1, 50_000, 360, 0.6)
AC_22 = Supply(22_000, 3)
AC_7 = Supply(7_400, 1)
DC_60 = Supply(60_000, 0)
DC_300 = Supply(300_000, 0)


def powers(charge: Charge, seconds: float = 60) -> list[float]:
    """The power every so many seconds until the battery is full."""
    found = [charge.power_w]
    while not charge.is_full:
        charge.advance(seconds)
        found.append(charge.power_w)
    return found


@pytest.mark.parametrize(
    ("vehicle", "supply", "power", "phases"),
    [
        (CAR, AC_22, 11_000, 3),
        (CAR, Supply(11_000, 3), 11_000, 3),
        (CAR, AC_7, 7_400, 1),
        (SMALL_CAR, AC_22, 22_000 / 3, 1),
        (SMALL_CAR, AC_7, 7_400, 1),
    ],
)
def test_ac_power_is_constant_and_limited_by_both(
    vehicle: Vehicle, supply: Supply, power: float, phases: int
) -> None:
    charge = Charge(vehicle, supply, 0.2)
    assert charge.phases == phases
    *before, last = powers(charge)
    assert before == pytest.approx([power] * len(before))
    assert last == 0
    assert charge.current_a == 0


def test_dc_power_ramps_up_holds_and_tapers() -> None:
    charge = Charge(CAR, DC_300, 0.1)
    assert charge.phases == 0
    assert charge.power_w == pytest.approx(10_000)
    charge.advance(30)
    assert charge.power_w == pytest.approx(100_000)
    while charge.soc < 0.6:
        assert charge.power_w == pytest.approx(100_000)
        charge.advance(10)
    taper = powers(charge)
    assert taper == sorted(taper, reverse=True)
    assert 10_000 < taper[-2] < 30_000
    assert taper[-1] == 0


def test_dc_power_is_limited_by_the_charge_point() -> None:
    charge = Charge(CAR, DC_60, 0.1)
    charge.advance(60)
    assert charge.power_w == pytest.approx(60_000)


@pytest.mark.parametrize("supply", [AC_7, AC_22, DC_60, DC_300])
@pytest.mark.parametrize("vehicle", VEHICLES)
def test_the_energy_taken_is_what_was_missing(vehicle: Vehicle, supply: Supply) -> None:
    charge = Charge(vehicle, supply, 0.25)
    taken = charge.advance(48 * 3600)
    assert charge.is_full
    assert charge.soc == 1.0
    assert taken == pytest.approx(0.75 * vehicle.battery_wh)
    assert charge.advance(3600) == 0


def test_the_energy_is_the_power_over_time() -> None:
    charge = Charge(CAR, AC_22, 0.2)
    assert charge.advance(3600) == pytest.approx(11_000)
    assert charge.soc == pytest.approx(0.2 + 11 / 60)


@pytest.mark.parametrize("supply", [AC_7, AC_22, DC_300])
def test_voltage_and_current_make_the_power(supply: Supply) -> None:
    charge = Charge(CAR, supply, 0.5)
    charge.advance(60)
    made = charge.voltage_v * charge.current_a * max(1, charge.phases)
    assert made == pytest.approx(charge.power_w)


def test_what_comes_by_needs_charging_and_is_repeatable() -> None:
    for supply in (AC_22, DC_300):
        charges = [draw_charge(random.Random(seed), supply) for seed in range(50)]
        assert all(0.1 <= charge.soc <= 0.6 for charge in charges)
        assert len({charge.vehicle for charge in charges}) == len(VEHICLES)
        assert draw_charge(random.Random(7), supply).soc == charges[7].soc
    assert 600 <= draw_stay(random.Random(1), DC_300) <= 2700
    assert 1800 <= draw_stay(random.Random(1), AC_22) <= 10_800
