"""`alarms`: what an operator has to look at. One document while it is open; kept for 90 days."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from pymongo import UpdateOne

from csms import db
from csms.domain.alarm import ALARM_TEXTS, Alarm, AlarmKind
from csms.metrics import Metrics
from csms.repositories.telemetry import Telemetry

log = structlog.get_logger(__name__)

COLLECTION = "alarms"
REPEATS_EVERY = 10.0
"""Seconds in which the repeats of an alarm are gathered: an attacker repeats it without end."""
MAX_GATHERED = 1_000
"""Alarms whose repeats are gathered at a time; more are only counted in the metrics."""


class Alarms:
    """Raises and closes alarms. All writes are stored behind: nothing waits for an alarm."""

    def __init__(
        self, telemetry: Telemetry, metrics: Metrics, clock: Callable[[], datetime]
    ) -> None:
        self._telemetry = telemetry
        self._metrics = metrics
        self._clock = clock
        self._repeats: dict[str, tuple[Alarm, int]] = {}

    @property
    def collection(self) -> db.TelemetryCollection:
        """For reading."""
        return self._telemetry.database[COLLECTION]

    def note(self, alarm: Alarm) -> None:
        """Raise an alarm, or count it in the one that is open."""
        self._metrics.alarms.labels(alarm.kind).inc()
        repeats = self._repeats.get(alarm.key)
        if repeats is not None:
            self._repeats[alarm.key] = alarm, repeats[1] + 1
            return
        if len(self._repeats) >= MAX_GATHERED:
            return
        self._repeats[alarm.key] = alarm, 0
        asyncio.get_running_loop().call_later(REPEATS_EVERY, self._store_repeats, alarm.key)
        log.warning("alarm", kind=alarm.kind.value, subject=alarm.subject, facts=dict(alarm.facts))
        self._store(alarm, 1)

    def close(self, kind: AlarmKind, subject: str) -> None:
        """Close an alarm whose cause is gone, if it is open."""
        key = Alarm(kind, subject).key
        self._repeats.pop(key, None)
        self._telemetry.update_behind(
            COLLECTION,
            UpdateOne(
                {"openKey": key},
                {"$set": {"closedAt": self._clock()}, "$unset": {"openKey": ""}},
            ),
        )

    def forget_repeats(self, key: str) -> None:
        """Drop what was gathered of an alarm: a person has closed it, and has seen it."""
        self._repeats.pop(key, None)

    def store_repeats(self) -> None:
        """Hand to the writer what was gathered."""
        for key in list(self._repeats):
            self._store_repeats(key)

    def _store_repeats(self, key: str) -> None:
        alarm, count = self._repeats.pop(key, (None, 0))
        if alarm is not None and count:
            self._store(alarm, count)

    def _store(self, alarm: Alarm, count: int) -> None:
        now = self._clock()
        changes = {
            "$set": {"lastRaisedAt": now, "facts": dict(alarm.facts)},
            "$inc": {"count": count},
            "$setOnInsert": {
                "kind": alarm.kind.value,
                "severity": ALARM_TEXTS[alarm.kind].severity.value,
                "subject": alarm.subject,
                "chargePointId": alarm.charge_point_id,
                "raisedAt": now,
                "closedAt": None,
                "acknowledgedAt": None,
                "acknowledgedBy": None,
            },
        }
        self._telemetry.update_behind(
            COLLECTION, UpdateOne({"openKey": alarm.key}, changes, upsert=True)
        )
