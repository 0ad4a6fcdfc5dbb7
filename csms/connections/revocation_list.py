"""Writes the authority's certificate revocation list (RFC 5280, 5), for proxies that end TLS.

csms itself looks at the database for each connection, and needs no list. Each node writes its own
file; they say the same within `LOOK_EVERY` seconds.
"""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from cryptography.x509 import ReasonFlags

from csms.actions.context import Deps
from csms.certificates.authority import CRL_FILE, LocalAuthority, Revoked
from csms.connections.repeated_task import RepeatedTask
from csms.domain.installed_certificate import EndReason
from csms.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

LOOK_EVERY = 30.0
GOOD_FOR = timedelta(days=7)
RENEW_EVERY = timedelta(days=1)
"""A proxy with a list that is too old lets nobody in: there is time to notice."""

_REASONS = {
    EndReason.SUPERSEDED: ReasonFlags.superseded,
    EndReason.NAME: ReasonFlags.affiliation_changed,
}


class RevocationList:
    """Keeps the list of one authority up to date; without an authority there is none."""

    def __init__(self, deps: Deps, authority: LocalAuthority | None, folder: Path) -> None:
        self._deps = deps
        self._authority = authority
        self._file = folder / CRL_FILE
        expected = DatabaseUnavailable, OSError
        self._task = RepeatedTask(self._renew, LOOK_EVERY, "revocation_list_not_written", expected)
        self._ended: tuple[int, datetime | None] | None = None
        self._signed_at: datetime | None = None
        self.pem: bytes | None = None
        """The list as it was signed last."""

    def start(self) -> None:
        """Start keeping it."""
        if self._authority is not None:
            self._task.start()
            self._task.hurry()

    async def stop(self) -> None:
        """Stop keeping it."""
        await self._task.stop()

    def look(self) -> None:
        """Look soon whether there is something new."""
        self._task.hurry()

    async def _renew(self) -> None:
        authority = self._authority
        assert authority is not None, "without one this is not started"
        now = self._deps.clock()
        ended = await self._deps.certificates.ended_so_far()
        is_fresh = self._signed_at is not None and now - self._signed_at < RENEW_EVERY
        if ended == self._ended and is_fresh:
            return
        listed = await self._deps.certificates.revoked(now)
        number = await self._deps.certificates.next_list_number()
        entries = [
            Revoked(int(one["serialNumber"], 16), one["endedAt"], _REASONS.get(one["endedBecause"]))
            for one in listed
        ]
        self.pem = await asyncio.to_thread(
            authority.revocation_list, entries, number, now, now + GOOD_FOR
        )
        self._ended, self._signed_at = ended, now
        await asyncio.to_thread(self._write, self.pem)
        log.info("revocation_list_written", number=number, entries=len(entries))

    def _write(self, pem: bytes) -> None:
        """Put the file in place whole: a proxy may read it at any time."""
        whole = self._file.with_name(f".{CRL_FILE}-{os.getpid()}")
        whole.write_bytes(pem)
        whole.replace(self._file)
