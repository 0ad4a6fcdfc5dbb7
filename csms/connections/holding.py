"""Whether the sockets that are open here still may be: what their records say now decides."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from csms import db
from csms.actions.context import Deps
from csms.connections.connection import Connection
from csms.connections.registry import Registry
from csms.domain.identity_proof import requires_credentials
from csms.domain.installed_certificate import is_ended

AT_ONCE = 500
"""Records that are looked at together."""


class Holding:
    """Closes sockets that their records no longer allow, and keeps hold of those they do."""

    def __init__(self, deps: Deps, registry: Registry) -> None:
        self._deps = deps
        self._registry = registry

    async def recheck(self, charge_point_ids: Iterable[str]) -> None:
        """Look at the records of charge points, if they are connected here."""
        connections = [self._registry.of(charge_point_id) for charge_point_id in charge_point_ids]
        here = [connection for connection in connections if connection is not None]
        # Many at a time: one after the other, the lease of a large node would run out meanwhile.
        for first in range(0, len(here), AT_ONCE):
            await asyncio.gather(*(self.regain(one) for one in here[first : first + AT_ONCE]))

    async def regain(self, connection: Connection) -> bool:
        """Whether a connection holds its record, perhaps again. If not, it is closed.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        if connection.is_turned_away:
            # It has given the record up, and its close says why.
            return False
        record = await self._deps.charge_points.find(connection.charge_point_id)
        self.enforce(connection.charge_point_id, record)
        await self._enforce_certificate(connection, record or {})
        if record is None or connection.record_before is None:
            # Without one it is being let in, and its claim decides.
            return record is not None
        return await self._keep_hold(connection, record)

    async def recheck_all(self) -> None:
        """Look at the records of all that are connected here."""
        await self.recheck([c.charge_point_id for c in self._registry if c.is_known])

    def enforce(self, charge_point_id: str, record: db.Document | None) -> None:
        """Close the socket of a charge point that its record does not let in any more."""
        connection = self._registry.of(charge_point_id)
        if connection is None or connection.is_turned_away:
            return
        if (
            record is None
            or record.get("isWhitelisted") is False
            or record.get("chargePointIdentity") != connection.identity
        ):
            connection.forget_whitelisting()
        elif not connection.authenticated and requires_credentials(
            record, self._deps.settings.require_credentials
        ):
            connection.require_credentials()

    async def _enforce_certificate(self, connection: Connection, record: db.Document) -> None:
        """Close a socket whose certificate was revoked, replaced or ended."""
        fingerprint = connection.proof.fingerprint
        if fingerprint is None or connection.closed:
            return
        known = await self._deps.certificates.with_fingerprint(fingerprint)
        if any(is_ended(one, record if one.get("issuedHere") else {}) for one in known):
            connection.forget_certificate()

    async def _keep_hold(self, connection: Connection, record: db.Document) -> bool:
        """Give way to a newer session; take back what was given up for dead."""
        claim = connection.claim
        if claim is None or record.get("ocppSessionId") == claim.session_id:
            return True
        if connection.is_turned_away:
            return False
        if record.get("ocppSessionId") is None and not connection.closed:
            if await self._deps.held.reclaim(claim):
                connection.log.info("reclaimed")
                return True
        if not connection.is_lost:
            connection.log.info("replaced", by="another node")
            connection.lose()
        return False
