"""How vehicles charge: power over state of charge, voltage, current, energy. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass

MAINS_V = 230.0
RAMP_SECONDS = 30.0
"""How long a direct-current charger takes to come up to full power."""

FINAL_SHARE = 0.12
"""Share of the full power that is left at the end of the taper."""

STEP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Vehicle:
    """An electric car. The taper starts at state of charge `taper_from`, 0 to 1."""

    battery_wh: int
    ac_w: int
    ac_phases: int
    dc_w: int
    pack_v: int
    taper_from: float


VEHICLES = (
    Vehicle(52_000, 7_400, 1, 50_000, 360, 0.60),
    Vehicle(60_000, 11_000, 3, 110_000, 370, 0.65),
    Vehicle(64_000, 7_400, 1, 77_000, 390, 0.70),
    Vehicle(77_000, 11_000, 3, 175_000, 400, 0.55),
    Vehicle(84_000, 11_000, 3, 240_000, 720, 0.70),
    Vehicle(93_000, 22_000, 3, 270_000, 750, 0.80),
)


@dataclass(frozen=True, slots=True)
class Supply:
    """What a connector gives at most. `phases` is 0 for direct current."""

    power_w: int
    phases: int

    @property
    def is_dc(self) -> bool:
        """Whether it gives direct current."""
        return self.phases == 0


class Charge:
    """One vehicle at one connector."""

    def __init__(self, vehicle: Vehicle, supply: Supply, soc: float) -> None:
        self.vehicle = vehicle
        self.supply = supply
        self.soc = soc
        self._seconds = 0.0

    @property
    def is_full(self) -> bool:
        """Whether the battery takes nothing more."""
        return self.soc >= 1.0

    @property
    def phases(self) -> int:
        """Phases in use; 0 for direct current."""
        return min(self.supply.phases, self.vehicle.ac_phases)

    @property
    def power_w(self) -> float:
        """What flows at this moment, W."""
        if self.is_full:
            return 0.0
        if self.supply.is_dc:
            limit = min(self.supply.power_w, self.vehicle.dc_w)
            return limit * min(self._ramp(), self._taper())
        per_phase = self.supply.power_w / self.supply.phases
        return min(per_phase * self.phases, self.vehicle.ac_w)

    @property
    def voltage_v(self) -> float:
        """Between the conductors of the battery, or of one phase and neutral."""
        if not self.supply.is_dc:
            return MAINS_V
        return self.vehicle.pack_v * (0.93 + 0.14 * self.soc)

    @property
    def current_a(self) -> float:
        """Through the battery, or through each phase in use."""
        return self.power_w / (self.voltage_v * max(1, self.phases))

    def advance(self, seconds: float) -> float:
        """Charge on for `seconds` of the vehicle's time; returns the energy it took, Wh."""
        taken = 0.0
        while seconds > 0 and not self.is_full:
            step = min(seconds, STEP_SECONDS)
            room = (1.0 - self.soc) * self.vehicle.battery_wh
            energy = min(self.power_w * step / 3600, room)
            self._seconds += step
            taken += energy
            seconds -= step
            # What rounding leaves of the room must not keep the battery from being full.
            full = energy >= room
            self.soc = 1.0 if full else self.soc + energy / self.vehicle.battery_wh
        return taken

    def _ramp(self) -> float:
        return min(1.0, 0.1 + 0.9 * self._seconds / RAMP_SECONDS)

    def _taper(self) -> float:
        over = max(0.0, self.soc - self.vehicle.taper_from) / (1.0 - self.vehicle.taper_from)
        return 1.0 - (1.0 - FINAL_SHARE) * over


def draw_charge(rng: random.Random, supply: Supply) -> Charge:
    """A vehicle that comes by, with a battery that needs it."""
    return Charge(rng.choice(VEHICLES), supply, rng.uniform(0.1, 0.6))


def draw_stay(rng: random.Random, supply: Supply) -> float:
    """How long its driver means to stay, seconds."""
    minutes = rng.uniform(10, 45) if supply.is_dc else rng.uniform(30, 180)
    return minutes * 60
