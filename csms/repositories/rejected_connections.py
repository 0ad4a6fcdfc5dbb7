"""`rejected_connections`: who was turned away, and why. One record per visitor and reason."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from pymongo import UpdateOne

from csms.repositories.telemetry import Telemetry

log = structlog.get_logger(__name__)

COLLECTION = "rejected_connections"
MAX_TEXT = 255
MAX_IDENTITIES = 1_000
"""Identities of one address that are told apart: a site has no more, a guesser has."""
MAX_ADDRESSES = 1_000
MAX_NEW = 10_000
"""Visitors that were not seen before and get a record of their own, in one go ..."""
NEW_EVERY = timedelta(seconds=5)
"""... and how soon another one may: who has a network has more addresses than a disk holds."""
MANY = "many"
"""In place of an address: those beyond these, counted together."""
NOTED_EVERY = 1.0
"""Seconds between writes of what was noted."""
MAX_NOTED = 200
"""Visitors whose rejections are noted between two writes; those of more are in the metrics only."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A connection that was turned away."""

    identity: str | None
    remote_address: str
    reason: str
    reported_serial: str | None = None
    path: str | None = None
    """What it asked for, where that is what was wrong."""


class RejectedConnections:
    """Counts rejections; a visitor who keeps trying adds to a count, not to the collection."""

    def __init__(self, telemetry: Telemetry, mask: Callable[[str], str] = str) -> None:
        """`mask` takes secrets out of what a visitor calls itself or asks for."""
        self._telemetry = telemetry
        self._mask = mask
        self._known: OrderedDict[str, set[int]] = OrderedDict()
        self._new_left = float(MAX_NEW)
        self._new_at: datetime | None = None
        self._noted: Counter[Rejection] = Counter()
        self._noted_at: datetime | None = None

    def _visitor(self, rejection: Rejection, now: datetime) -> tuple[str | None, str]:
        """The identity and the address to record.

        No identity for an address that keeps making up new ones; `MANY` where new visitors come
        faster than there may be records.
        """
        identity = rejection.identity and rejection.identity[:MAX_TEXT]
        address = rejection.remote_address
        visit = hash((identity, rejection.reason))
        known = self._known.get(address)
        if known is None or visit not in known:
            if known is not None and len(known) >= MAX_IDENTITIES:
                return None, address
            if not self._may_be_new(now):
                return None, MANY
            known = self._known.setdefault(address, set())
            known.add(visit)
        self._known.move_to_end(address)
        if len(self._known) > MAX_ADDRESSES:
            self._known.popitem(last=False)
        return identity, address

    def _may_be_new(self, now: datetime) -> bool:
        since = now - (self._new_at or now)
        self._new_at = now
        self._new_left = min(MAX_NEW, self._new_left + max(0.0, since / NEW_EVERY))
        if self._new_left < 1:
            return False
        self._new_left -= 1
        return True

    async def record(self, rejection: Rejection, now: datetime) -> None:
        """Count one rejection; returns when it is stored.

        Raises:
            DatabaseUnavailable: MongoDB did not acknowledge.
        """
        await self._telemetry.update(COLLECTION, self._counted(rejection, 1, now))

    def note(self, rejection: Rejection, now: datetime) -> None:
        """Count one rejection of a kind that may come in floods; stored within a second or so."""
        if not self._noted:
            asyncio.get_running_loop().call_later(NOTED_EVERY, self.store_noted)
        if rejection in self._noted or len(self._noted) < MAX_NOTED:
            self._noted[rejection] += 1
            self._noted_at = now

    def store_noted(self) -> None:
        """Hand what was noted to the writer."""
        noted, self._noted = self._noted, Counter()
        if not noted or self._noted_at is None:
            return
        log.warning(
            "turned_away",
            visitors=len(noted),
            times=noted.total(),
            reasons=sorted({rejection.reason for rejection in noted}),
        )
        for rejection, count in noted.items():
            operation = self._counted(rejection, count, self._noted_at)
            self._telemetry.update_behind(COLLECTION, operation)

    def _without_secrets(self, rejection: Rejection) -> Rejection:
        return replace(
            rejection,
            identity=rejection.identity and self._mask(rejection.identity),
            reported_serial=rejection.reported_serial and self._mask(rejection.reported_serial),
            path=rejection.path and self._mask(rejection.path),
        )

    def _counted(self, rejection: Rejection, count: int, now: datetime) -> UpdateOne:
        """The update that adds to the record of a visitor and a reason, or makes it."""
        rejection = self._without_secrets(rejection)
        identity, address = self._visitor(rejection, now)
        key = repr((identity, address, rejection.reason))
        changes = {
            "$inc": {"count": count},
            "$set": {
                "lastSeen": now,
                "reportedSerialNumber": rejection.reported_serial,
                "path": rejection.path and rejection.path[:MAX_TEXT],
            },
            "$setOnInsert": {
                "chargePointIdentity": identity,
                "remoteAddress": address,
                "reason": rejection.reason,
                "firstSeen": now,
            },
        }
        record_id = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        return UpdateOne({"_id": record_id}, changes, upsert=True)
