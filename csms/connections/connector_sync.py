"""Asks a charge point for its connectors, and makes the record match (GetConfiguration)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import structlog

from csms import db
from csms.domain.configuration import configuration_values
from csms.domain.connector import read_connector_count, reconcile
from csms.domain.unanswered import CONFIGURATION
from csms.errors import CallErrorReceived, CommandError, CommandTimeout
from csms.ocppj.frames import Payload
from csms.repositories.charge_points import ChargePoints

log = structlog.get_logger(__name__)

Caller = Callable[[str, Payload], Awaitable[Payload]]
"""Sends a Call of an action to the charge point, and returns the answer's payload."""

NUMBER_OF_CONNECTORS = "NumberOfConnectors"
MAX_KEYS = "GetConfigurationMaxKeys"
DEFAULT_MAX_KEYS = 10
IMPLAUSIBLE_COUNT = "implausibleConnectorCount"
SYNC_ERROR = "connectorSyncError"
ATTEMPTS = 10


async def ask_configuration(call: Caller, keys: list[str], max_keys: int) -> dict[str, str]:
    """Values of configuration keys, by folded key, asked `max_keys` at a time.

    Raises:
        CommandError: the charge point did not answer one of the questions.
    """
    values: dict[str, str] = {}
    for first in range(0, len(keys), max_keys):
        answer = await call("GetConfiguration", {"key": keys[first : first + max_keys]})
        values |= configuration_values(answer)
    return values


def read_max_keys(values: dict[str, str]) -> int:
    """How many keys the charge point takes at once."""
    try:
        return max(1, int(values.get(MAX_KEYS.casefold(), "")))
    except ValueError:
        return DEFAULT_MAX_KEYS


def type_key(connector_id: int) -> str:
    """The configuration key that names a connector's type."""
    return f"Connector{connector_id}-Type"


async def refresh_connectors(
    call: Caller, charge_points: ChargePoints, charge_point_id: str, clock: Callable[[], datetime]
) -> list[db.Document]:
    """As `sync_connectors`, because a person wants it: csms may ask by itself again, too.

    Raises:
        CommandError: the charge point did not answer; its connectors stay as they are.
    """
    try:
        return await sync_connectors(call, charge_points, charge_point_id, clock)
    except CommandError as error:
        charge_points.note(charge_point_id, {SYNC_ERROR: str(error), CONFIGURATION: None})
        raise


async def sync_connectors(
    call: Caller, charge_points: ChargePoints, charge_point_id: str, clock: Callable[[], datetime]
) -> list[db.Document]:
    """Ask for the number and the types of the connectors; returns them as they are on record now.

    A count that makes no sense is flagged and changes nothing. Types that the charge point does
    not say leave what is known.

    Raises:
        CommandError: the charge point did not answer; its connectors stay as they are.
    """
    values = await ask_configuration(call, [NUMBER_OF_CONNECTORS, MAX_KEYS], 2)
    read: dict[str, Any] = {"configurationReadAt": clock(), SYNC_ERROR: None, CONFIGURATION: None}
    raw_count = values.get(NUMBER_OF_CONNECTORS.casefold())
    count = read_connector_count(raw_count)
    types = {} if count is None else await _ask_types(call, values, count)
    record = await charge_points.get(charge_point_id)
    implausible = raw_count is not None and count is None
    if implausible != (IMPLAUSIBLE_COUNT in (record.get("flags") or ())):
        await charge_points.set_flag(charge_point_id, IMPLAUSIBLE_COUNT, implausible)
    if count is None:
        log.warning("connector_count_ignored", charge_point=charge_point_id, told=raw_count)
        charge_points.note(charge_point_id, read)
        return list(record.get("connectors") or [])
    charge_points.note(charge_point_id, {**read, "connectorsSyncedAt": read["configurationReadAt"]})
    for _ in range(ATTEMPTS):
        before: list[db.Document] = record.get("connectors") or []
        now = clock()
        after = reconcile(before, count, types, now)
        # Most that come back have the connectors they had: nothing to write.
        if after == before and record.get("connectorCount") == count:
            return after
        if await charge_points.put_connectors(charge_point_id, before, after, now, count=count):
            return after
        record = await charge_points.get(charge_point_id)
    raise CommandTimeout("the connectors' record kept changing; try again")


async def _ask_types(call: Caller, values: dict[str, str], count: int) -> dict[int, str]:
    keys = [type_key(connector_id) for connector_id in range(1, count + 1)]
    # Some charge points ignore the filter and tell everything at once.
    missing = [key for key in keys if key.casefold() not in values]
    if missing:
        try:
            values |= await ask_configuration(call, missing, read_max_keys(values))
        except (CallErrorReceived, CommandTimeout) as error:
            log.info("connector_types_not_told", error=str(error))
    return {
        connector_id: values[key.casefold()]
        for connector_id, key in enumerate(keys, start=1)
        if key.casefold() in values
    }
