"""What all charge points of a fleet have in common."""

from __future__ import annotations

from dataclasses import dataclass, field

from csms.simulator.clock import Clock
from csms.simulator.console import Console, Tally
from csms.simulator.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How they behave. Times are seconds.

    `autostart` is the mean time between sessions that drivers begin at a charge point, 0 for none;
    `speed` how much faster than in life vehicles charge.
    """

    id_tag: str = "DEMO0001"
    autostart: float = 0.0
    speed: float = 1.0
    meter_interval: int = 60
    password: str = field(default="", repr=False)
    call_timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where they are, and who watches them."""

    endpoint: Endpoint
    behaviour: Behaviour
    clock: Clock
    tally: Tally
    console: Console
