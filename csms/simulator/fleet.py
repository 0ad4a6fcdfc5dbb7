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
        await asyncio.wait({life})
    finally:
        life.cancel()
        for number in signals:
            loop.remove_signal_handler(number)
    try:
        life.result()
    except asyncio.CancelledError:
        return 0
    except CsmsError as error:
        sys.stderr.write(f"csms simulate: {error}\n")
        return 2
    return 0


async def _live(options: FleetOptions) -> None:
    clock = RealClock()
    console = Console(sys.stdout, clock)
    endpoint = Endpoint(options.url, insecure=options.insecure)
    _allow_sockets(options.count)
    fleet = [
        hardware_of(options.prefix, number, options.connectors)
        for number in range(1, options.count + 1)
    ]
    if options.whitelist_with is not None:
        admin = Endpoint(options.admin_url or options.url, insecure=options.insecure)
        await _whitelist(options, admin, fleet, console)
    behaviour = Behaviour(
        id_tag=options.id_tag,
        autostart=options.autostart,
        speed=options.speed,
        meter_interval=options.meter_interval,
        password=_secret(options.password),
    )
    tally = Tally(options.count)
    console.say(
        f"Starting {_names(fleet)} at {endpoint.ocpp}; id tag {options.id_tag}. Ctrl-C stops."
    )
    surroundings = Surroundings(endpoint, behaviour, clock, tally, console)
    try:
        await _run(fleet, surroundings, options.seed)
    finally:
        console.say(f"Stopped. {tally.line()}")


async def _run(fleet: list[Hardware], surroundings: Surroundings, seed: int | None) -> None:
    spread = len(fleet) / FIRST_CONNECTIONS_PER_SECOND
    async with asyncio.TaskGroup() as group:
        group.create_task(surroundings.console.watch(surroundings.tally))
        for hardware in fleet:
            rng = random.Random(None if seed is None else f"{seed}/{hardware.identity}")
            charge_point = ChargePoint(hardware, surroundings, rng)
            group.create_task(charge_point.run(rng.uniform(0, spread)))


async def _whitelist(
    options: FleetOptions, endpoint: Endpoint, fleet: list[Hardware], console: Console
) -> None:
    whitelisting = Whitelisting(endpoint, _secret(options.whitelist_with))
    try:
        await whitelisting.create_id_tag(options.id_tag)
        created = await whitelisting.create_charge_points(fleet, _secret(options.password))
    finally:
        whitelisting.close()
    known = len(fleet) - created
    console.say(f"Whitelisted {created} charge points; {known} were on record already.")


def _allow_sockets(count: int) -> None:
    """Raise this process' limit of open files as far as the fleet needs it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + OTHER_FILES
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise CsmsError(
            f"{count} charge points need {needed} open files, and {hard} are allowed: "
            "raise the limit (ulimit -Hn), or start fewer."
        )
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _names(fleet: list[Hardware]) -> str:
    first, last = fleet[0].identity, fleet[-1].identity
    return first if len(fleet) == 1 else f"{len(fleet)} charge points, {first} to {last},"


def _secret(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
