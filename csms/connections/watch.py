"""Watches over the sockets of this node: who is silent is pinged, who stays silent is dropped.

A charge point that has ever answered a ping is dropped after two ping intervals of silence, so that
dead sockets are seen soon. Some never answer pings (the quirk `noPong`): of those, only the
messages tell that they are alive, and between two of these may lie a heartbeat interval.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from csms.actions.context import Deps
from csms.connections.connection import SILENT, Connection
from csms.connections.registry import Registry
from csms.connections.repeated_task import RepeatedTask
from csms.errors import DatabaseUnavailable, NotFound
from csms.ocppj.quirks import NO_PONG

LOOKS_PER_INTERVAL = 4
SILENT_INTERVALS = 2
"""Ping intervals of silence until a charge point that answers pings is dropped."""
SILENT_HEARTBEATS = 2.5
"""Heartbeat intervals of silence until one that does not is dropped."""


class Watch:
    """One task for all sockets."""

    def __init__(self, deps: Deps, registry: Registry) -> None:
        self._deps = deps
        self._registry = registry
        self._interval = deps.settings.ping_interval
        pause = self._interval / LOOKS_PER_INTERVAL
        self._task = RepeatedTask(self._look_around, pause, "sockets_not_watched")
        self._reconsidered: dict[Connection, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Start watching."""
        if self._interval > 0:
            self._task.start()

    async def stop(self) -> None:
        """Stop watching."""
        await self._task.stop()
        for task in list(self._reconsidered.values()):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _look_around(self) -> None:
        self._look(time.monotonic())

    def _look(self, now: float) -> None:
        for connection in self._registry:
            pinged_at = connection.pinged_at
            if pinged_at is not None and now - pinged_at >= self._interval:
                self._notice_no_pong(connection, pinged_at)
            if now - connection.last_heard < self._interval:
                continue
            if connection.transport.is_paused:
                # What it says meanwhile is not read, so its silence means nothing. It is pinged
                # all the same: so the network finds out if it is gone.
                connection.last_heard = now - self._interval
            if now - connection.last_heard >= self._patience(connection):
                self._silent(connection)
            elif pinged_at is None or now - pinged_at >= self._interval:
                connection.ping()

    def _patience(self, connection: Connection) -> float:
        """How long a connection may be silent, seconds."""
        pings = SILENT_INTERVALS * self._interval
        if connection.answers_pings or not connection.is_known:
            return pings
        return max(pings, SILENT_HEARTBEATS * connection.heartbeat_interval)

    def _notice_no_pong(self, connection: Connection, pinged_at: float) -> None:
        """Count the quirk, once, of a charge point that has spoken since a ping, but no pong."""
        spoke = connection.last_heard > pinged_at
        if not spoke or connection.has_ponged or connection.is_noted_silent_to_pings:
            return
        if connection.is_known:
            connection.is_noted_silent_to_pings = True
            self._deps.metrics.quirks.labels(NO_PONG.name).inc()
            self._deps.held.note_quirk(connection.hold, NO_PONG.name)

    def _silent(self, connection: Connection) -> None:
        if connection.answers_pings or not connection.is_known:
            self._drop(connection)
        elif connection not in self._reconsidered:
            task = asyncio.get_running_loop().create_task(self._reconsider(connection))
            self._reconsidered[connection] = task
            task.add_done_callback(lambda _: self._reconsidered.pop(connection, None))

    async def _reconsider(self, connection: Connection) -> None:
        """Drop a connection, unless its heartbeat interval has been changed meanwhile."""
        charge_points = self._deps.charge_points
        try:
            record = await charge_points.get(connection.charge_point_id)
        except DatabaseUnavailable:
            return
        except NotFound:
            record = {}
        setting = self._deps.settings.heartbeat_interval
        connection.heartbeat_interval = record.get("heartbeatIntervalSec") or setting
        if time.monotonic() - connection.last_heard >= self._patience(connection):
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        silent = time.monotonic() - connection.last_heard
        connection.log.info("silent", seconds=round(silent, 1))
        if connection.is_known and connection.answers_pings and not connection.has_ponged:
            # Another device may stand there now: the next connection shows whether it answers.
            self._deps.held.note(connection.hold, {"answersPings": None})
        connection.drop(SILENT)
