"""Asks a charge point for its connectors, and makes the record match (GetConfiguration)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from csms import db
from csms.actions.context import Deps
from csms.domain.configuration import configuration_values
from csms.domain.connector import read_connector_count, reconcile
from csms.domain.hold import Claim, Hold
from csms.domain.unanswered import CONFIGURATION
from csms.errors import (
    CallErrorReceived,
    CommandError,
    CommandTimeout,
    DatabaseUnavailable,
    SessionLost,
)
from csms.ocppj.frames import Payload

log = structlog.get_logger(__name__)

Caller = Callable[[str, Payload], Awaitable[Payload]]
"""Sends a Call of an action to the charge point, and returns the answer's payload."""

NUMBER_OF_CONNECTORS = "NumberOfConnectors"
MAX_KEYS = "GetConfigurationMaxKeys"
DEFAULT_MAX_KEYS = 10
IMPLAUSIBLE_COUNT = "implausibleConnectorCount"
SYNC_ERROR = "connectorSyncError"
ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Sync:
    """The connectors as they are on record now."""

    connectors: list[db.Document]
    unanswered: CommandTimeout | None = None
    """Why there was no answer to what types they have."""


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


async def refresh_connectors(call: Caller, deps: Deps, charge_point_id: str) -> list[db.Document]:
    """As `sync_connectors`, because a person wants it: csms may ask by itself again, too.

    Raises:
        NotFound: there is no such charge point.
        CommandError: the charge point did not answer; its connectors stay as they are.
    """
    error: CommandError | None = None
    record = await deps.charge_points.get(charge_point_id)
    hold = Hold(charge_point_id, record.get("ocppSessionId") or "")
    claim = Claim(hold, "", "", "", record.get("connectedAt"))
    try:
        sync = await sync_connectors(call, deps, claim)
        error = sync.unanswered
        return sync.connectors
    except SessionLost:
        # Its next boot has them read again.
        raise
    except CommandError as refused:
        error = refused
        raise
    finally:
        if error is not None:
            fields = {SYNC_ERROR: str(error), CONFIGURATION: None}
            with suppress(DatabaseUnavailable):
                await deps.charge_points.set_by_ops(charge_point_id, fields)


async def sync_connectors(call: Caller, deps: Deps, claim: Claim) -> Sync:
    """Ask for the number and the types of the connectors, and make the record match.

    A count that makes no sense is flagged and changes nothing. Types that the charge point does
    not say leave what is known.

    Raises:
        CommandError: the charge point did not answer; its connectors stay as they are.
        SessionLost: it has connected anew meanwhile; they stay as they are, too.
    """
    values = await ask_configuration(call, [NUMBER_OF_CONNECTORS, MAX_KEYS], 2)
    read: dict[str, Any] = {"configurationReadAt": deps.clock()}
    raw_count = values.get(NUMBER_OF_CONNECTORS.casefold())
    count = read_connector_count(raw_count)
    unanswered = None if count is None else await _ask_types(call, values, count)
    if unanswered is None:
        read |= {SYNC_ERROR: None, CONFIGURATION: None}
    record = await deps.charge_points.get(claim.charge_point_id)
    implausible = raw_count is not None and count is None
    if implausible != (IMPLAUSIBLE_COUNT in (record.get("flags") or ())):
        await deps.held.set_flag(claim, IMPLAUSIBLE_COUNT, implausible)
    if count is None:
        log.warning("connector_count_ignored", charge_point=claim.charge_point_id, told=raw_count)
        deps.held.note(claim, read)
        return Sync(list(record.get("connectors") or []))
    deps.held.note(claim, {**read, "connectorsSyncedAt": read["configurationReadAt"]})
    types = _types_of(values, count)
    for _ in range(ATTEMPTS):
        before: list[db.Document] = record.get("connectors") or []
        now = deps.clock()
        after = reconcile(before, count, types, now)
        # Most that come back have the connectors they had: nothing to write.
        if after == before and record.get("connectorCount") == count:
            return Sync(after, unanswered)
        if await deps.held.put_connectors(claim, before, after, now, count=count):
            return Sync(after, unanswered)
        record = await deps.charge_points.get(claim.charge_point_id)
    raise CommandTimeout("the connectors' record kept changing; try again")


async def _ask_types(call: Caller, values: dict[str, str], count: int) -> CommandTimeout | None:
    """Add the types to `values`; returns why there was no answer, if there was none."""
    keys = [type_key(connector_id) for connector_id in range(1, count + 1)]
    # Some charge points ignore the filter and say everything at once.
    missing = [key for key in keys if key.casefold() not in values]
    try:
        values |= await ask_configuration(call, missing, read_max_keys(values))
    except CallErrorReceived as error:
        log.info("connector_types_refused", error=str(error))
    except CommandTimeout as error:
        return error
    return None


def _types_of(values: dict[str, str], count: int) -> dict[int, str]:
    keys = {connector_id: type_key(connector_id).casefold() for connector_id in range(1, count + 1)}
    return {number: values[key] for number, key in keys.items() if key in values}
