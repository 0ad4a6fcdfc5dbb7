"""`rejected_connections`: who was turned away, and why. One record per visitor and reason."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from pymongo import UpdateOne

from csms.repositories.telemetry import Telemetry

MAX_TEXT = 255
MAX_IDENTITIES = 1_000
"""Identities of one address that are told apart: a site has no more, a guesser has."""
MAX_ADDRESSES = 1_000


@dataclass(frozen=True, slots=True)
class Rejection:
    """A connection that was turned away."""

    identity: str | None
    remote_address: str
    reason: str
    reported_serial: str | None = None


class RejectedConnections:
    """Counts rejections; a visitor who keeps trying adds to a count, not to the collection."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._identities: OrderedDict[str, set[str | None]] = OrderedDict()

    def _name(self, rejection: Rejection) -> str | None:
        """The identity to record; None for an address that keeps making up new ones."""
        identity = rejection.identity and rejection.identity[:MAX_TEXT]
        known = self._identities.setdefault(rejection.remote_address, set())
        self._identities.move_to_end(rejection.remote_address)
        if len(self._identities) > MAX_ADDRESSES:
            self._identities.popitem(last=False)
        if identity not in known and len(known) >= MAX_IDENTITIES:
            return None
        known.add(identity)
        return identity

    async def record(self, rejection: Rejection, now: datetime) -> None:
        """Count one rejection; returns when it is stored.

        Raises:
            DatabaseUnavailable: MongoDB did not acknowledge.
        """
        identity = self._name(rejection)
        key = repr((identity, rejection.remote_address, rejection.reason))
        changes = {
            "$inc": {"count": 1},
            "$set": {"lastSeen": now, "reportedSerialNumber": rejection.reported_serial},
            "$setOnInsert": {
                "chargePointIdentity": identity,
                "remoteAddress": rejection.remote_address,
                "reason": rejection.reason,
                "firstSeen": now,
            },
        }
        record_id = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        await self._telemetry.update(
            "rejected_connections", UpdateOne({"_id": record_id}, changes, upsert=True)
        )
