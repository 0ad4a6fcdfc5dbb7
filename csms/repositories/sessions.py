"""`sessions`: who is signed in to the admin pages, on whichever node.

A session holds no rights of its own: they are read from the user or token that it was begun with,
so that a role that is taken away is gone within seconds. Only digests of the secrets are stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from csms import db
from csms.domain.api_token import hash_token, new_token
from csms.repositories.api_tokens import CACHE_SECONDS, ApiToken, read_holder

RENEWED_EVERY = timedelta(minutes=1)
MAX_CACHED = 10_000

Kind = Literal["user", "token"]
_HOLDERS = {"user": "users", "token": "api_tokens"}


@dataclass(frozen=True, slots=True)
class _Cached:
    """What is trusted for a few seconds."""

    until: float
    used_at: datetime
    holder: ApiToken


class Sessions:
    """Begins, finds and ends sessions."""

    def __init__(
        self,
        database: db.Database,
        clock: Callable[[], datetime],
        lifetime: timedelta,
        longest: timedelta,
    ) -> None:
        """A session ends when nobody used it for `lifetime`, and `longest` after the sign-in."""
        self._database = database
        self.collection: db.Collection = database["sessions"]
        self._clock = clock
        self._lifetime = lifetime
        self._longest = longest
        self._cache: dict[str, _Cached] = {}

    async def begin(self, kind: Kind, holder_id: str) -> str:
        """Begin a session for a user or for who has a token; returns its secret."""
        secret = new_token()
        now = self._clock()
        async with db.errors():
            await self.collection.insert_one(
                {
                    "_id": hash_token(secret),
                    "kind": kind,
                    "holderId": holder_id,
                    "createdAt": now,
                    "usedAt": now,
                    "expiresAt": self._end_of(now, now),
                }
            )
        return secret

    async def find(self, secret: str, *, is_used: bool) -> ApiToken | None:
        """Who is signed in with this secret, with the role of now; None if nobody is.

        The session is prolonged if it `is_used` by a person. A page that is open asks by itself.
        """
        digest = hash_token(secret)
        now = self._clock()
        cached = self._cache.get(digest)
        if cached is not None and cached.until > time.monotonic():
            if not is_used or now < cached.used_at + RENEWED_EVERY:
                return cached.holder
        self._cache.pop(digest, None)
        async with db.errors():
            session = await self.collection.find_one({"_id": digest})
            if session is None:
                return None
            created_at = session.get("createdAt")
            if created_at is None:
                created_at = now
                await self._set(digest, {"createdAt": now})
            if min(session["expiresAt"], self._end_of(session["usedAt"], created_at)) <= now:
                return None
            holder = await self._database[_HOLDERS[session["kind"]]].find_one(
                {"_id": session["holderId"]}
            )
            if holder is None or (holder.get("expiresAt") or now) < now:
                return None
            used_at = session["usedAt"]
            if is_used and used_at + RENEWED_EVERY <= now:
                used_at = now
                await self._set(digest, {"usedAt": now, "expiresAt": self._end_of(now, created_at)})
        found = read_holder(holder, is_user=session["kind"] == "user")
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[digest] = _Cached(time.monotonic() + CACHE_SECONDS, used_at, found)
        return found

    def _end_of(self, used_at: datetime, created_at: datetime) -> datetime:
        return min(used_at + self._lifetime, created_at + self._longest)

    async def _set(self, digest: str, fields: db.Document) -> None:
        await self.collection.update_one({"_id": digest}, {"$set": fields})

    async def end(self, secret: str) -> None:
        """End a session."""
        digest = hash_token(secret)
        self._cache.pop(digest, None)
        async with db.errors():
            await self.collection.delete_one({"_id": digest})

    async def end_all(self, kind: Kind, holder_id: str) -> None:
        """End every session of a user or token; another node notices within seconds."""
        self._cache.clear()
        async with db.errors():
            await self.collection.delete_many({"kind": kind, "holderId": holder_id})
