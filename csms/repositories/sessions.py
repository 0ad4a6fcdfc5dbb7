"""`sessions`: who is signed in to the admin pages, on whichever node.

A session holds no rights of its own: they are read from the user or token that it was begun with,
so that a role that is taken away is gone within seconds. Only digests of the secrets are stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from csms import db
from csms.domain.api_token import hash_token, new_token
from csms.repositories.api_tokens import CACHE_SECONDS, ApiToken, read_holder

RENEWED_EVERY = timedelta(minutes=1)
MAX_CACHED = 10_000

Kind = Literal["user", "token"]
_HOLDERS = {"user": "users", "token": "api_tokens"}


class Sessions:
    """Begins, finds and ends sessions."""

    def __init__(
        self, database: db.Database, clock: Callable[[], datetime], lifetime: timedelta
    ) -> None:
        """A session ends when it was not used for `lifetime`."""
        self._database = database
        self.collection: db.Collection = database["sessions"]
        self._clock = clock
        self._lifetime = lifetime
        self._cache: dict[str, tuple[float, ApiToken]] = {}

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
                    "expiresAt": now + self._lifetime,
                }
            )
        return secret

    async def find(self, secret: str) -> ApiToken | None:
        """Who is signed in with this secret, with the role of now; None if nobody is."""
        digest = hash_token(secret)
        cached = self._cache.get(digest)
        if cached is not None and cached[0] > time.monotonic():
            return cached[1]
        self._cache.pop(digest, None)
        now = self._clock()
        async with db.errors():
            session = await self.collection.find_one({"_id": digest})
            if session is None or session["expiresAt"] <= now:
                return None
            holder = await self._database[_HOLDERS[session["kind"]]].find_one(
                {"_id": session["holderId"]}
            )
            if holder is None or (holder.get("expiresAt") or now) < now:
                return None
            if session["usedAt"] + RENEWED_EVERY <= now:
                renewed = {"usedAt": now, "expiresAt": now + self._lifetime}
                await self.collection.update_one({"_id": digest}, {"$set": renewed})
        found = read_holder(holder, is_user=session["kind"] == "user")
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[digest] = (time.monotonic() + CACHE_SECONDS, found)
        return found

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
