"""The bounds on what each charge point has stored: kept across its connections, and made known.

What was counted is in memory, by charge point and not by connection. A charge point that has used
a good part of its bound has that in its record too, for the node that it connects to next. One
that goes over is flagged in its record and has an alarm; both end when it has kept within its
bound for an hour.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from csms.config import Settings
from csms.connections.repeated_task import RepeatedTask
from csms.domain.alarm import Alarm, AlarmKind
from csms.domain.stored_bytes import HOUR, STORES, UNBOUNDED, StoredBytes, StoreLimits
from csms.repositories.alarms import Alarms
from csms.repositories.charge_points import OVER_BOUND, STORED_BYTES, ChargePoints
from csms.repositories.held_records import HeldRecords

log = structlog.get_logger(__name__)

LOOKED_AT_EVERY = 60.0
SAID_EVERY = 60.0
"""Seconds between two notes of one charge point that it is over its bound."""
SETTLED_AT_ONCE = 500
VISITORS = "visitors without a record"
"""The subject of the alarm for those that have no record."""
_MB = 1024 * 1024


def limits_of(settings: Settings) -> StoreLimits:
    """The bounds that the settings make, bytes an hour."""
    rings = {
        "heartbeats": settings.heartbeats_mb,
        "meter_values": settings.meter_values_mb,
        "boot_notifications": settings.boot_notifications_mb,
        "messages": settings.messages_mb,
    }
    an_hour = {name: mb * _MB * settings.max_stored_share / 100 for name, mb in rings.items()}
    an_hour["records"] = an_hour["commands"] = float(settings.max_records_mb * _MB)
    return StoreLimits([an_hour[name] or UNBOUNDED for name in STORES])


class Bounds:
    """What the charge points of this process have stored of late."""

    def __init__(
        self,
        settings: Settings,
        charge_points: ChargePoints,
        held: HeldRecords,
        alarms: Alarms,
        clock: Callable[[], datetime],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seconds` counts them; `clock` tells the time for records."""
        self._charge_points = charge_points
        self._held = held
        self._alarms = alarms
        self._clock = clock
        self._seconds = seconds
        self._limits = limits_of(settings)
        self._kept: dict[str, StoredBytes] = {}
        self._task = RepeatedTask(self.look, LOOKED_AT_EVERY, "bounds_not_looked_at")
        self.visitors = self._new(None)
        """Of all connections without a record together."""

    def start(self) -> None:
        """Look at all of them now and then."""
        self._task.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._task.stop()

    def of(self, record: Mapping[str, Any]) -> StoredBytes:
        """What a charge point has stored, here and, by its record, on other nodes."""
        charge_point_id = record["_id"]
        stored = self._kept.get(charge_point_id)
        if stored is None:
            stored = self._kept[charge_point_id] = self._new(charge_point_id)
        if isinstance(kept := record.get(STORED_BYTES), dict):
            stored.take_over(kept, self._clock())
        if OVER_BOUND in (record.get("flags") or ()) and not stored.is_flagged:
            stored.is_flagged = True
            stored.over_at = self._seconds()
        return stored

    def note(self, stored: StoredBytes) -> None:
        """Keep what a charge point has stored in its record, for it may go to another node now."""
        if stored.is_worth_noting:
            self._note_mark(stored)

    def _new(self, charge_point_id: str | None) -> StoredBytes:
        limits, clock = self._limits, self._seconds
        return StoredBytes(charge_point_id, limits, self._note_mark, self._note_over, clock)

    def _note_mark(self, stored: StoredBytes) -> None:
        if stored.claim is not None:
            document = stored.document(self._clock())
            self._held.note_stored_bytes(stored.claim, document)

    def _note_over(self, stored: StoredBytes, store: int) -> None:
        name = STORES[store]
        now = self._seconds()
        if now - stored.said_at < SAID_EVERY:
            return
        stored.said_at = now
        charge_point_id = stored.charge_point_id
        most = f"{self._limits.an_hour[store] / _MB:.3g} MB an hour"
        log.warning("over_bound", charge_point=charge_point_id, collection=name, bound=most)
        facts = (("collection", name), ("bound", most))
        kind, subject = AlarmKind.TOO_MUCH_DATA, charge_point_id or VISITORS
        self._alarms.note(Alarm(kind, subject, charge_point_id, facts))
        if stored.claim is not None:
            at = self._clock()
            self._held.note_stored_bytes(stored.claim, stored.document(at), at)
        stored.is_flagged = True

    async def look(self) -> None:
        """Let the buckets empty, forget the empty ones, and lower flags that are no longer due.

        Raises:
            DatabaseUnavailable: a flag could not be lowered; it will be tried again.
        """
        await self._settle()
        since = self._seconds() - HOUR
        flagged = [stored for stored in self._kept.values() if stored.is_flagged]
        for stored in [*flagged, self.visitors]:
            if stored.is_flagged and not stored.is_over and stored.over_at <= since:
                await self._lower(stored)

    async def _settle(self) -> None:
        self.visitors.settle()
        for count, (charge_point_id, stored) in enumerate(list(self._kept.items()), 1):
            stored.settle()
            if stored.is_empty:
                del self._kept[charge_point_id]
            if count % SETTLED_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _lower(self, stored: StoredBytes) -> None:
        charge_point_id = stored.charge_point_id
        if charge_point_id is None:
            self._alarms.close(AlarmKind.TOO_MUCH_DATA, VISITORS)
        else:
            since = self._clock() - timedelta(seconds=HOUR)
            # It may be over its bound on another node by now: the record knows.
            if await self._charge_points.forgive_over_bound(charge_point_id, since):
                self._alarms.close(AlarmKind.TOO_MUCH_DATA, charge_point_id)
        stored.is_flagged = False
