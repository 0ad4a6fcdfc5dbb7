"""Ends certificates, and closes the sockets that were opened with them, on every node."""

from __future__ import annotations

from collections.abc import Callable

from csms import db
from csms.actions.context import Deps
from csms.connections.holding import Holding
from csms.domain.installed_certificate import EndReason


class Revocation:
    """Ends certificates, because a person says so or has changed a record.

    `on_ended` is called when there is something new for the revocation list.
    """

    def __init__(self, deps: Deps, holding: Holding, on_ended: Callable[[], None]) -> None:
        self._deps = deps
        self._holding = holding
        self._on_ended = on_ended

    async def revoke(self, certificate_id: str) -> db.Document:
        """Revoke one certificate; returns its record.

        Raises:
            NotFound, InvalidInput: as `Certificates.revoke` says.
        """
        record = await self._deps.certificates.revoke(certificate_id, self._deps.clock())
        await self._enforce(record["chargePointId"])
        return record

    async def end_all(self, charge_point_id: str, because: EndReason) -> int:
        """End all certificates that were issued to a charge point; returns how many there were."""
        ended = await self._deps.certificates.end(charge_point_id, because, self._deps.clock())
        if ended:
            await self._enforce(charge_point_id)
        return ended

    async def _enforce(self, charge_point_id: str) -> None:
        # The nodes follow changes of this field, and a socket that is being opened looks at it.
        fields = {"certificatesEndedAt": self._deps.clock()}
        await self._deps.charge_points.set_by_ops(charge_point_id, fields)
        await self._holding.recheck([charge_point_id])
        self._on_ended()
