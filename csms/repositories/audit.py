"""`audit`: who changed what, who signed in, and who tried to. Never with a value.

Failed sign-ins are gathered: those of one account, address and quarter of an hour are one entry
with a count, whichever process they came to, and a flood of them makes a bounded number of entries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import structlog
from bson import ObjectId
from pymongo import UpdateOne

from csms import db
from csms.domain.api_token import Role
from csms.errors import DatabaseUnavailable
from csms.repositories.write_behind import WriteBehind

log = structlog.get_logger(__name__)

UNKNOWN = "unknown"
"""In place of a name that is on no record: it may be a password, typed into the wrong field."""
MANY = "many"
"""In place of an address: those beyond the bound on entries, counted together."""
GATHERED_IN = 15 * 60
"""Seconds of which the failures of one account and address are one entry."""
GATHERED_FOR = 0.5
"""Seconds between writes of what is gathered."""
MAX_ENTRIES = 200
"""Entries that one process gathers in a quarter of an hour under addresses of their own."""


class Event(StrEnum):
    """What an entry is about that is no change through the REST."""

    SIGNED_IN = "signedIn"
    SIGN_IN_FAILED = "signInFailed"
    LOCKED_OUT = "lockedOut"
    SIGNED_OUT = "signedOut"


@dataclass(frozen=True, slots=True)
class Entry:
    """One change or event. `fields` are the names of what was sent."""

    by: str
    by_id: str
    role: str
    method: str
    path: str
    fields: Sequence[str]
    status: int
    remote_address: str | None
    charge_point_id: str | None = None
    event: Event | None = None
    subject: str | None = None
    """The user or token that was changed, where the path does not say it."""

    def document(self, now: datetime) -> db.Document:
        """As it is stored."""
        return {
            "at": now,
            "by": self.by,
            "byId": self.by_id,
            "role": self.role,
            "method": self.method,
            "path": self.path,
            "fields": list(self.fields),
            "status": self.status,
            "remoteAddress": self.remote_address,
            "chargePointId": self.charge_point_id,
            "event": self.event,
            "subject": self.subject,
        }


def on_command_line(command: str, subject: str) -> Entry:
    """An entry for a change of a user or token that was made by `csms user` or `csms token`."""
    return Entry(command, command, Role.ADMIN, "CLI", command, [], 200, None, subject=subject)


class Audit:
    """Keeps the entries for a year."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["audit"]
        self._gathered: dict[ObjectId, tuple[Entry, datetime, int]] = {}
        self._known: set[ObjectId] = set()
        self._quarter = 0
        self._writing = WriteBehind(self._store, GATHERED_FOR)

    async def record(self, entry: Entry, now: datetime) -> None:
        """Store an entry.

        Raises:
            DatabaseUnavailable: it may not be stored.
        """
        async with db.errors():
            await self.collection.insert_one(entry.document(now))

    def gather(self, entry: Entry, now: datetime) -> None:
        """Count an entry of a kind that may come in floods; stored within a second."""
        quarter = int(now.timestamp()) // GATHERED_IN
        if quarter != self._quarter:
            self._quarter = quarter
            self._known.clear()
        record_id = _id_of(entry, quarter)
        if record_id not in self._known:
            if len(self._known) >= MAX_ENTRIES:
                entry = replace(entry, by=UNKNOWN, by_id=UNKNOWN, remote_address=MANY)
                record_id = _id_of(entry, quarter)
            self._known.add(record_id)
        count = self._gathered.get(record_id, (entry, now, 0))[2]
        self._gathered[record_id] = entry, now, count + 1
        self._writing.soon()

    async def settled(self) -> None:
        """Return when what was gathered is stored, or could not be."""
        await self._writing.settled()

    async def _store(self) -> None:
        gathered, self._gathered = self._gathered, {}
        operations = [
            _counted(record_id, entry, at, count)
            for record_id, (entry, at, count) in gathered.items()
        ]
        try:
            async with db.errors():
                await self.collection.bulk_write(operations, ordered=False)
        except DatabaseUnavailable as error:
            log.error("failures_not_noted", entries=len(operations), error=str(error))


def _counted(record_id: ObjectId, entry: Entry, at: datetime, count: int) -> UpdateOne:
    once = entry.document(at)
    del once["at"]
    changes = {"$set": {"at": at}, "$inc": {"count": count}, "$setOnInsert": {**once, "since": at}}
    return UpdateOne({"_id": record_id}, changes, upsert=True)


def _id_of(entry: Entry, quarter: int) -> ObjectId:
    """The same in every process; lists are sorted by ids of one kind."""
    parts = (entry.event, entry.by_id, entry.path, entry.remote_address, quarter)
    return ObjectId(hashlib.blake2b(repr(parts).encode(), digest_size=12).digest())
