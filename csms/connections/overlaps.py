"""A second connection from the address of the first: of the same device, or of another one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from csms.actions.context import Deps
from csms.actions.identity_alarms import claimed_twice
from csms.connections.connection import Connection
from csms.domain.identity_proof import Evidence

MOMENT = timedelta(seconds=1)
"""How long the two connections of one device may overlap."""
MAX_WATCHED = 1_000


class Overlaps:
    """Raises the alarm for a newcomer that was refused, if the one that is connected stays.

    Some charge points connect anew before they close the socket that they have, or connect twice
    at once and keep the one that is not refused.
    """

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._watched: dict[tuple[str, str], int] = {}

    def refused(
        self, newcomer: Connection, charge_point_id: str, session_id: str, address: str | None
    ) -> None:
        """Note that a newcomer was refused because the session at this address is alive."""
        addresses = address, newcomer.remote_address
        if address != newcomer.remote_address:
            claimed_twice(self._deps, charge_point_id, Evidence.BOTH_ALIVE, addresses)
            return
        watched = charge_point_id, session_id
        if watched in self._watched:
            self._watched[watched] += 1
        elif len(self._watched) < MAX_WATCHED:
            self._watched[watched] = 1
            newcomer.node.on_work(newcomer, lambda: self._watch(newcomer, *watched))

    async def _watch(self, newcomer: Connection, charge_point_id: str, session_id: str) -> None:
        try:
            await asyncio.sleep(MOMENT.total_seconds())
            record = await self._deps.charge_points.find(charge_point_id)
        finally:
            count = self._watched.pop((charge_point_id, session_id))
        if record is None or record.get("ocppSessionId") != session_id:
            return
        if count == 1 and _came_together(record, newcomer):
            return
        addresses = record.get("remoteAddress"), newcomer.remote_address
        for _ in range(count):
            claimed_twice(self._deps, charge_point_id, Evidence.BOTH_ALIVE, addresses)


def _came_together(record: Mapping[str, Any], newcomer: Connection) -> bool:
    """Whether the two were opened at once, before the one that stays had booted."""
    opened, booted = record.get("connectedAt"), record.get("lastBootAt")
    if opened is None or newcomer.connected_at - opened > MOMENT:
        return False
    return booted is None or not opened <= booted <= newcomer.connected_at
