"""A central system of JSON, and simulated charge points around a clock that stands still."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from csms.simulator.charge_point import ChargePoint
from csms.simulator.console import Console, Tally
from csms.simulator.endpoint import Endpoint
from csms.simulator.hardware import hardware_of
from csms.simulator.surroundings import Behaviour, Surroundings
from tests.simulator.support import Central, ManualClock

Make = Callable[..., ChargePoint]


@pytest.fixture
def central(io_loop: IOLoop) -> Iterator[Central]:
    """A central system on loopback; every frame that it got must have been valid."""
    central = Central()
    io_loop.run_sync(central.start)
    yield central
    io_loop.run_sync(central.stop)
    assert central.violations == []


@pytest.fixture
def clock(io_loop: IOLoop) -> ManualClock:
    """A clock that only the test turns."""
    return ManualClock()


@pytest.fixture
def screen() -> io.StringIO:
    """What the person at the terminal sees."""
    return io.StringIO()


@pytest.fixture
def tally() -> Tally:
    """The fleet in numbers."""
    return Tally(1)


@pytest.fixture
def make(central: Central, clock: ManualClock, screen: io.StringIO, tally: Tally) -> Make:
    """Makes a charge point; keywords are those of `Behaviour`."""

    def make(
        number: int = 1, prefix: str = "SIM-", connectors: int = 2, **behaviour: Any
    ) -> ChargePoint:
        surroundings = Surroundings(
            Endpoint(f"ws://127.0.0.1:{central.port}"),
            Behaviour(**{"meter_interval": 10, **behaviour}),
            clock,
            tally,
            Console(screen, clock),
        )
        hardware = hardware_of(prefix, number, connectors)
        return ChargePoint(hardware, surroundings, random.Random(1))

    return make
