"""Whether the sockets that are open here still may be: what their records say now decides."""

from __future__ import annotations

from collections.abc import Iterable

from csms import db
from csms.actions.context import Deps
from csms.connections.connection import GOING_AWAY, REPLACED, Connection
from csms.connections.registry import Registry
from csms.domain.identity_proof import requires_credentials
from csms.errors import NotFound


class Holding:
    """Closes sockets that their records no longer allow, and keeps hold of those they do."""

    def __init__(self, deps: Deps, registry: Registry) -> None:
        self._deps = deps
        self._registry = registry

    async def recheck(self, charge_point_ids: Iterable[str]) -> None:
        """Look at the records of charge points, if they are connected here."""
        for charge_point_id in charge_point_ids:
            connection = self._registry.of(charge_point_id)
            if connection is None:
                continue
            try:
                record: db.Document | None = await self._deps.charge_points.get(charge_point_id)
            except NotFound:
                record = None
            self.enforce(charge_point_id, record)
            await self._enforce_certificate(connection)
            if record is not None and connection.record_before is not None:
                await self._keep_hold(connection, record)

    async def recheck_all(self) -> None:
        """Look at the records of all that are connected here."""
        await self.recheck([c.charge_point_id for c in self._registry if c.is_known])

    def enforce(self, charge_point_id: str, record: db.Document | None) -> None:
        """Close the socket of a charge point that its record does not let in any more."""
        connection = self._registry.of(charge_point_id)
        if connection is None:
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

    async def _enforce_certificate(self, connection: Connection) -> None:
        """Close a socket whose certificate was revoked, replaced or ended."""
        fingerprint = connection.proof.fingerprint
        if fingerprint is None or connection.closed:
            return
        known = await self._deps.certificates.with_fingerprint(fingerprint)
        if any(one.get("endedAt") is not None for one in known):
            connection.forget_certificate()

    async def _keep_hold(self, connection: Connection, record: db.Document) -> None:
        """Give way to a session on another node; take back what was given up for dead."""
        claim = connection.claim
        if claim is None or record.get("ocppSessionId") == claim.session_id:
            return
        if record.get("ocppSessionId") is None and not connection.closed:
            if await self._deps.charge_points.reclaim(claim):
                connection.log.info("reclaimed")
                return
        connection.log.info("replaced", by="another node")
        connection.close(GOING_AWAY, REPLACED)
