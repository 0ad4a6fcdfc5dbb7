"""`api_tokens`: who may use the admin REST. Only digests of the tokens are stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from motor.motor_asyncio import AsyncIOMotorClientSession

from csms import db
from csms.domain.api_token import (
    Role,
    Scope,
    digests,
    hash_token,
    new_token,
    scope_needed,
    scopes_of,
    stored_digest,
)
from csms.errors import NotFound
from csms.repositories.last_admin import keep_an_admin
from csms.token_rules import MIN_TOKEN

CACHE_SECONDS = 5.0
"""How long a look-up is trusted: a revoked token may work that much longer."""

LAST_USED_STEP = timedelta(minutes=1)
ENVIRONMENT = "environment"
LAST_TOKEN = "This is the last token with the role admin. Make another one first."


@dataclass(frozen=True, slots=True)
class ApiToken:
    """Who asks."""

    id: str
    name: str
    role: Role
    is_user: bool = False
    """Whether it is somebody who signed in by name and password."""
    scopes: frozenset[Scope] = frozenset()
    """What of its role it may do."""
    stations: frozenset[str] | None = None
    """The names of the stations that it may see and operate; None: all."""

    def may(self, needed: Role) -> bool:
        """Whether it may do what needs this role."""
        return scope_needed(needed) in self.scopes


def read_holder(record: Mapping[str, Any], *, is_user: bool = False) -> ApiToken:
    """The holder of a record of a token or a user."""
    role, scopes, stations = Role(record["role"]), record.get("scopes"), record.get("stations")
    return ApiToken(
        record["_id"],
        record["name"],
        role,
        is_user,
        scopes_of(role) if scopes is None else frozenset(map(Scope, scopes)),
        None if stations is None else frozenset(stations),
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """What a token may do less than its role; None sets no limit."""

    scopes: frozenset[Scope] | None = None
    stations: frozenset[str] | None = None

    def fields(self) -> db.Document:
        """As they are stored."""
        named = {"scopes": self.scopes, "stations": self.stations}
        return {name: None if kept is None else sorted(kept) for name, kept in named.items()}


UNLIMITED = Limits()


class ApiTokens:
    """Makes, checks and revokes tokens."""

    def __init__(self, database: db.Database, clock: Callable[[], datetime]) -> None:
        self.collection: db.Collection = database["api_tokens"]
        self._clock = clock
        self._cache: dict[str, tuple[float, ApiToken]] = {}

    async def authenticate(self, token: str) -> ApiToken | None:
        """Who has this token; None if nobody has, or has no longer.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        if len(token) < MIN_TOKEN:
            return None
        digest = hash_token(token)
        cached = self._cache.get(digest)
        if cached is not None and cached[0] > time.monotonic():
            return cached[1]
        self._cache.pop(digest, None)
        now = self._clock()
        async with db.errors():
            record = await self.collection.find_one({"tokenHash": {"$in": digests(token)}})
            if record is None or (record.get("expiresAt") or now) < now:
                return None
            if (record.get("lastUsedAt") or now - LAST_USED_STEP) <= now - LAST_USED_STEP:
                await self.collection.update_one(
                    {"_id": record["_id"]}, {"$set": {"lastUsedAt": now}}
                )
        found = read_holder(record)
        self._cache[digest] = (time.monotonic() + CACHE_SECONDS, found)
        return found

    def was_good(self, token: str) -> bool:
        """Whether this process has seen that somebody has this token; costs nothing to find out."""
        return hash_token(token) in self._cache

    async def create(
        self,
        name: str,
        role: Role,
        *,
        created_by: str,
        expires_at: datetime | None = None,
        limits: Limits = UNLIMITED,
    ) -> tuple[db.Document, str]:
        """Make a token; returns its record and the token itself, which is stored nowhere."""
        token = new_token()
        record = self._record(uuid4().hex[:12], name, role, token, created_by, expires_at)
        record["tokenHash"] = stored_digest(token, limited=limits != UNLIMITED)
        record |= limits.fields()
        async with db.errors():
            await self.collection.insert_one(record)
        return record, token

    async def list(self) -> list[db.Document]:
        """All tokens, by age."""
        async with db.errors():
            return await self.collection.find().sort("createdAt", 1).to_list(None)

    async def revoke(self, token_id: str) -> None:
        """Remove a token.

        Raises:
            NotFound: there is no such token.
            LastAdmin: no token with the role admin would be left.
        """

        async def remove(session: AsyncIOMotorClientSession) -> db.Document | None:
            return await self.collection.find_one_and_delete({"_id": token_id}, session=session)

        record = await keep_an_admin(self.collection, self._good(), remove, LAST_TOKEN)
        if record is None:
            raise NotFound("token", token_id)
        # It is looked up by the plain digest.
        self._cache.pop(record["tokenHash"].rpartition(":")[2], None)

    async def ensure_first(self, configured: str | None) -> str | None:
        """See to it that there is an admin token.

        The configured one is stored, in place of the one that was configured before. Without one,
        and with no admin on record, a token is made and returned, to be shown once.
        """
        async with db.errors():
            if configured is None:
                await self.collection.delete_one({"_id": ENVIRONMENT})
                admin = {**self._good(), "role": Role.ADMIN.value}
                if await self.collection.find_one(admin) is not None:
                    return None
                _, token = await self.create("first", Role.ADMIN, created_by="csms")
                return token
            record = self._record(
                ENVIRONMENT, ENVIRONMENT, Role.ADMIN, configured, "CSMS_ADMIN_TOKEN", None
            )
            await self.collection.replace_one({"_id": ENVIRONMENT}, record, upsert=True)
        return None

    def _good(self) -> dict[str, Any]:
        """Matches tokens that have not run out, for all stations."""
        good = [{"expiresAt": None}, {"expiresAt": {"$gte": self._clock()}}]
        return {"$or": good, "stations": None}

    def _record(
        self,
        token_id: str,
        name: str,
        role: Role,
        token: str,
        created_by: str,
        expires_at: datetime | None,
    ) -> db.Document:
        return {
            "_id": token_id,
            "name": name,
            "role": role,
            "tokenHash": hash_token(token),
            "createdAt": self._clock(),
            "createdBy": created_by,
            "expiresAt": expires_at,
            "lastUsedAt": None,
        }
