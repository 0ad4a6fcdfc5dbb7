"""How far active transactions have come, written behind: at most once for each in ten seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from pymongo import UpdateOne

from csms.domain.running_transaction import WRITE_EVERY, RunningTransaction
from csms.domain.transaction import TransactionStatus
from csms.repositories.telemetry import Telemetry


class TransactionProgress:
    """Writes `lastMeter`, `lastReadingAt` and `energyWh` of transactions that go on.

    A crash loses the progress of the last seconds and no reading: who ends a transaction looks at
    the readings since `lastReadingAt`.
    """

    def __init__(self, telemetry: Telemetry, clock: Callable[[], datetime]) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._unwritten: dict[int, RunningTransaction] = {}

    def meter(
        self, running: RunningTransaction, register: float, time: datetime, now: datetime
    ) -> None:
        """Note a register of a transaction, Wh, and when it was read."""
        if running.meter(register, time, now):
            self._write(running, now)
        elif running.is_unwritten:
            self._keep(running)

    def store(self) -> None:
        """Hand all that was noted to the writer."""
        unwritten, self._unwritten = self._unwritten, {}
        for running in unwritten.values():
            self._write(running, self._clock())

    def _keep(self, running: RunningTransaction) -> None:
        if not self._unwritten:
            later = WRITE_EVERY.total_seconds() / 2
            asyncio.get_running_loop().call_later(later, self._store_due)
        self._unwritten[running.transaction_id] = running

    def _store_due(self) -> None:
        now = self._clock()
        unwritten, self._unwritten = self._unwritten, {}
        for running in unwritten.values():
            if running.is_due(now):
                self._write(running, now)
            else:
                self._keep(running)

    def _write(self, running: RunningTransaction, now: datetime) -> None:
        self._unwritten.pop(running.transaction_id, None)
        running.written(now)
        self._telemetry.update_behind(
            "transactions",
            UpdateOne(
                {
                    "_id": running.transaction_id,
                    "status": TransactionStatus.ACTIVE,
                    # Another node may have come further with it.
                    "lastReadingAt": {"$not": {"$gt": running.last_reading_at}},
                },
                {"$set": running.progress()},
            ),
        )
