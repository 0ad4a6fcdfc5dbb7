"""Meter values of a simulated charge point, as OCPP writes them (OCPP 1.6, 7.33). Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator

from csms.ocppj.frames import Payload
from csms.simulator.vehicle import Charge

ENERGY = "Energy.Active.Import.Register"
NOISE = 0.004
"""Mains voltage wanders by this share from reading to reading."""


def meter_value(
    timestamp: str,
    context: str,
    measurands: Iterable[str],
    meter_wh: int,
    charge: Charge | None,
    rng: random.Random,
) -> Payload | None:
    """One MeterValue element; None when there is nothing to say.

    `measurands` are names from `MEASURANDS`; those that say nothing about this charge are left out.
    """
    samples: list[Payload] = []
    for measurand in measurands:
        if measurand == ENERGY:
            samples.append(_sample(ENERGY, "Wh", str(meter_wh)))
        elif charge is not None:
            samples.extend(_OF_CHARGE[measurand](charge, rng))
    for sample in samples:
        sample["context"] = context
    return {"timestamp": timestamp, "sampledValue": samples} if samples else None


def _sample(measurand: str, unit: str, value: str, phase: str | None = None) -> Payload:
    sample = {"measurand": measurand, "unit": unit, "value": value}
    return sample if phase is None else sample | {"phase": phase}


def _power(charge: Charge, rng: random.Random) -> Iterator[Payload]:
    yield _sample("Power.Active.Import", "W", f"{charge.power_w:.0f}")


def _current(charge: Charge, rng: random.Random) -> Iterator[Payload]:
    for phase in _phases(charge):
        yield _sample("Current.Import", "A", f"{charge.current_a:.1f}", phase)


def _voltage(charge: Charge, rng: random.Random) -> Iterator[Payload]:
    for phase in _phases(charge):
        volts = charge.voltage_v
        if phase is None:
            yield _sample("Voltage", "V", f"{volts:.1f}")
        else:
            noisy = volts * rng.uniform(1 - NOISE, 1 + NOISE)
            yield _sample("Voltage", "V", f"{noisy:.1f}", f"{phase}-N")


def _soc(charge: Charge, rng: random.Random) -> Iterator[Payload]:
    # Only a direct-current charger talks with the battery.
    if charge.supply.is_dc:
        yield _sample("SoC", "Percent", f"{charge.soc * 100:.0f}") | {"location": "EV"}


def _phases(charge: Charge) -> tuple[str | None, ...]:
    return ("L1", "L2", "L3")[: charge.phases] or (None,)


_OF_CHARGE: dict[str, Callable[[Charge, random.Random], Iterator[Payload]]] = {
    "Power.Active.Import": _power,
    "Current.Import": _current,
    "Voltage": _voltage,
    "SoC": _soc,
}

MEASURANDS = (ENERGY, *_OF_CHARGE)
"""What these charge points can measure."""
