"""Starts a fleet of simulated charge points, watches it, and stops it."""

from __future__ import annotations

import asyncio
import random
import resource
import signal
import sys

from pydantic import SecretStr

from csms.errors import CsmsError
from csms.simulator.charge_point import ChargePoint
from csms.simulator.clock import RealClock
from csms.simulator.console import Console, Tally
from csms.simulator.endpoint import Endpoint
from csms.simulator.hardware import Hardware, hardware_of
from csms.simulator.options import FleetOptions, add_arguments, options_of
from csms.simulator.surroundings import Behaviour, Surroundings
from csms.simulator.whitelisting import Whitelisting

__all__ = ["FleetOptions", "add_arguments", "options_of", "run_fleet"]

FIRST_CONNECTIONS_PER_SECOND = 50
OTHER_FILES = 64
"""Open files besides the charge points' sockets."""


async def run_fleet(options: FleetOptions) -> int:
    """Run a fleet until Ctrl-C, SIGTERM or the end of its duration.

    Returns the exit status: 0, or 2 when the fleet could not be started; then the reason is on
    standard error.
    """
    life = asyncio.create_task(_live(options))
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, life.cancel)
    try:
        await asyncio.wait({life}, timeout=options.duration or None)
        life.cancel()
        await life
    except asyncio.CancelledError:
        return 0
    except* CsmsError as errors:
        for error in errors.exceptions:
            print(error)
        return 2
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
    return 0
