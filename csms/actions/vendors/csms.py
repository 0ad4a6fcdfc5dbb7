"""Our own messages, for charge points that cannot say something in the standard's words.

`ConnectorTypes`: the types of the connectors, as JSON: `{"1": "CCS Combo 2", "2": "Type 2"}`.
"""

from __future__ import annotations

import re

import orjson

from csms.actions.context import Context
from csms.actions.vendors.registry import Rejected, Vendor
from csms.domain.connector import MAX_CONNECTORS, learn_types
from csms.errors import DatabaseUnavailable

ATTEMPTS = 10
_NUMBER = re.compile(r"[0-9]{1,3}")


async def connector_types(context: Context, data: str) -> None:
    """Learn the types; one that an admin has set stays."""
    types = _read_types(data)
    deps = context.deps
    for _ in range(ATTEMPTS):
        before = await deps.charge_points.connectors_of(context.charge_point_id)
        after = learn_types(before, types, context.received_at)
        if await deps.held.put_connectors(context.hold, before, after, context.received_at):
            return
    raise DatabaseUnavailable("the connectors' record kept changing")


def _read_types(data: str) -> dict[int, str]:
    wanted = 'send a JSON object such as {"1": "CCS Combo 2", "2": "Type 2"}'
    try:
        told = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Rejected(wanted) from None
    if not isinstance(told, dict) or not told:
        raise Rejected(wanted)
    for connector_id, name in told.items():
        if not _NUMBER.fullmatch(connector_id) or not 1 <= int(connector_id) <= MAX_CONNECTORS:
            raise Rejected(f"connectors are numbered 1 to {MAX_CONNECTORS}")
        if not isinstance(name, str) or not name.strip():
            raise Rejected(wanted)
    return {int(connector_id): name.strip()[:255] for connector_id, name in told.items()}


VENDOR = Vendor("csms", {"ConnectorTypes": connector_types})
