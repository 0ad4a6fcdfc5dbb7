"""Moves authorization key hashes out of records, once no node lives that looks for them there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from csms.connections.repeated_task import RepeatedTask
from csms.repositories.credentials import StoredKeys

log = structlog.get_logger(__name__)

PAUSE = 15.0
"""Seconds between two looks while an older node lives."""

LONG_PAUSE = 3600.0
"""An older node may be started later on, and write hashes again."""


class KeyMover:
    """One task of this node. Every node has one; they do no harm to each other."""

    def __init__(
        self, stored_keys: StoredKeys, node_id: str, clock: Callable[[], datetime]
    ) -> None:
        self._stored_keys = stored_keys
        self._node_id = node_id
        self._clock = clock
        self._task = RepeatedTask(self._move, PAUSE, "key_hashes_not_moved")

    async def start(self) -> None:
        """Move what can be moved now, and go on looking.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        await self._move()
        self._task.start()

    async def stop(self) -> None:
        """Stop looking."""
        await self._task.stop()

    async def _move(self) -> None:
        moved = await self._stored_keys.move(self._node_id, self._clock())
        if moved:
            log.info("key_hashes_moved", count=moved)
        self._task.pause = PAUSE if moved is None else LONG_PAUSE
