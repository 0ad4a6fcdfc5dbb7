"""Verify: asks the live charge point who it is, and compares with its record."""

from __future__ import annotations

import asyncio

from csms.actions.context import Deps
from csms.connections.commands import CommandRouter
from csms.connections.connector_sync import MAX_KEYS, ask_configuration, read_max_keys
from csms.domain.times import rfc3339
from csms.domain.verification import NUMBER_OF_CONNECTORS, Verification, compare, keys_to_ask
from csms.errors import CallErrorReceived, CommandTimeout
from csms.ocppj.frames import Payload


async def verify(
    deps: Deps, router: CommandRouter, charge_point_id: str, fresh_boot: bool, requested_by: str
) -> Verification:
    """Ask the charge point, and with `fresh_boot` have it boot again; compare what it says.

    Raises:
        NotFound, ChargePointOffline: there is nobody to ask.
        CommandTimeout: it did not answer, or did not boot when asked to.
        CallErrorReceived: it refused to boot.
    """
    # The record as it is before a fresh boot writes what that boot told.
    record = await deps.charge_points.get(charge_point_id)
    connection = router.connection_of(charge_point_id)

    async def call(action: str, payload: Payload) -> Payload:
        return await router.ask(charge_point_id, action, payload, requested_by)

    configuration: dict[str, str] = {}
    try:
        configuration = await ask_configuration(call, [NUMBER_OF_CONNECTORS, MAX_KEYS], 2)
        max_keys = read_max_keys(configuration)
        configuration |= await ask_configuration(call, keys_to_ask(record), max_keys)
    except CallErrorReceived:
        # It is alive, and what it says of itself elsewhere still counts.
        pass
    boot = connection.boot
    boot_source = "BootNotification of this connection"
    if fresh_boot:
        coming = connection.expect_boot()
        try:
            answer = await call("TriggerMessage", {"requestedMessage": "BootNotification"})
            if answer.get("status") == "Accepted":
                async with asyncio.timeout(deps.settings.call_timeout):
                    boot = await coming
                boot_source = f"BootNotification asked for at {rfc3339(deps.clock())}"
        except TimeoutError:
            raise CommandTimeout("the charge point accepted to boot again, and did not") from None
        finally:
            coming.cancel()
    return compare(record, connection.identity, boot, boot_source, configuration)
