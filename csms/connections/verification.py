"""Verify: asks the live charge point who it is, and compares with its record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from csms import db
from csms.actions.context import Deps
from csms.connections.commands import CommandRouter
from csms.connections.connector_sync import MAX_KEYS, Caller, ask_configuration, read_max_keys
from csms.domain.charge_point import has_booted
from csms.domain.times import rfc3339
from csms.domain.verification import NUMBER_OF_CONNECTORS, Verification, compare, keys_to_ask
from csms.errors import CallErrorReceived, CommandTimeout, NotBooted
from csms.ocppj.frames import Payload
from csms.repositories.boot_notifications import BootNotifications

LOOK_EVERY = 0.02


async def verify(
    deps: Deps, router: CommandRouter, charge_point_id: str, fresh_boot: bool, requested_by: str
) -> Verification:
    """Ask the charge point, and with `fresh_boot` have it boot again; compare what it says.

    One that has not booted here yet has to boot first: nothing else may be asked before.

    Raises:
        NotFound, ChargePointOffline: there is no charge point to ask.
        CommandTimeout: it did not answer, or did not boot when asked to.
        CallErrorReceived: it refused to boot.
    """
    # The record as it is before a fresh boot writes what that boot said.
    record = await router.require_connected(charge_point_id, before_boot=True)

    async def call(action: str, payload: Payload) -> Payload:
        return await router.ask(charge_point_id, action, payload, requested_by)

    boots = deps.boot_notifications
    boot = await boots.last(charge_point_id, record["connectedAt"])
    source = "BootNotification of this connection"
    may_ask = has_booted(record)
    configuration = await _configuration(call, record) if may_ask else {}
    if fresh_boot or not may_ask:
        asked_at, known = deps.clock(), await boots.newest_ids(charge_point_id)
        answer = await call("TriggerMessage", {"requestedMessage": "BootNotification"})
        if answer.get("status") == "Accepted":
            boot = await _next_boot(deps, boots, charge_point_id, known)
            source = f"BootNotification asked for at {rfc3339(asked_at)}"
            if not may_ask and boot["verdict"] == "Accepted":
                await _until_booted(deps, router, charge_point_id)
                configuration = await _configuration(call, record)
    identity = str(record["chargePointIdentity"])
    return compare(record, identity, boot["payload"] if boot else None, source, configuration)


async def _configuration(call: Caller, record: db.Document) -> dict[str, str]:
    values: dict[str, str] = {}
    try:
        values = await ask_configuration(call, [NUMBER_OF_CONNECTORS, MAX_KEYS], 2)
        values |= await ask_configuration(call, keys_to_ask(record), read_max_keys(values))
    except CallErrorReceived:
        # It is alive, and what it says of itself elsewhere still counts.
        pass
    return values


async def _next_boot(
    deps: Deps, boots: BootNotifications, charge_point_id: str, known: Sequence[Any]
) -> db.Document:
    """The boot that follows the known ones, whatever its verdict, whichever node it comes to."""
    try:
        async with asyncio.timeout(deps.settings.call_timeout):
            while True:
                boot = await boots.other_than(charge_point_id, known)
                if boot is not None:
                    return boot
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError:
        raise CommandTimeout("the charge point accepted to boot again, and did not") from None


async def _until_booted(deps: Deps, router: CommandRouter, charge_point_id: str) -> None:
    """Wait until commands may be sent: its accepted boot is stored a little before."""
    async with asyncio.timeout(deps.settings.call_timeout):
        while True:
            with suppress(NotBooted):
                await router.require_connected(charge_point_id)
                return
            await asyncio.sleep(LOOK_EVERY)
