"""Moves authorization key hashes out of records, once no node lives that looks for them there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import structlog

from csms.errors import DatabaseUnavailable
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
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Move what can be moved now, and go on looking.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        is_done = await self._move()
        self._task = asyncio.get_running_loop().create_task(self._keep_moving(is_done))

    async def stop(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _keep_moving(self, is_done: bool) -> None:
        while True:
            await asyncio.sleep(LONG_PAUSE if is_done else PAUSE)
            try:
                is_done = await self._move()
            except DatabaseUnavailable as error:
                log.warning("key_hashes_not_moved", error=str(error))
            except Exception:
                log.exception("key_hashes_not_moved")

    async def _move(self) -> bool:
        """Whether no older node was left."""
        moved = await self._stored_keys.move(self._node_id, self._clock())
        if moved:
            log.info("key_hashes_moved", count=moved)
        return moved is not None
