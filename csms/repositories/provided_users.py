"""`users` that come from a provider of single sign-on: made, and given roles, at its word.

The last admin stays one, whatever the provider says: a slip in its groups locks nobody out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo import ReturnDocument

from csms import db
from csms.domain.api_token import Role
from csms.domain.user import fold
from csms.errors import Duplicate, LastAdmin
from csms.repositories.last_admin import keep_an_admin
from csms.repositories.users import LAST_ADMIN

MAX_NAMESAKES = 100


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a provider knows: `subject` is its name for one of its people, for ever the same."""

    issuer: str
    subject: str

    def matching(self) -> db.Document:
        """As a MongoDB filter."""
        return {"issuer": {"$eq": self.issuer}, "subject": {"$eq": self.subject}}


@dataclass(frozen=True, slots=True)
class Provided:
    """A user as on record now, and what was changed of it, for the audit."""

    record: db.Document
    changed: str | None = None


class ProvidedUsers:
    """Makes and changes them."""

    def __init__(self, database: db.Database, clock: Callable[[], datetime]) -> None:
        self.collection: db.Collection = database["users"]
        self._clock = clock

    async def sign_in(self, person: Person, name: str, role: Role) -> Provided:
        """The user of a person who has just signed in, made at the first time.

        The role is the provider's each time. A name that somebody else has gets a number behind it.

        Raises:
            Duplicate: too many others have that name.
        """
        found = await self._set(person, {"lastSignInAt": self._clock()})
        if found is not None:
            return await self._give(person, found, role, f"the provider says {role}")
        for number in range(1, MAX_NAMESAKES):
            free = name if number == 1 else f"{name} ({number})"
            made: db.Document = {
                "_id": fold(free),
                "name": free,
                "issuer": person.issuer,
                "subject": person.subject,
                "role": role,
                "lastSignInAt": self._clock(),
                "createdAt": self._clock(),
                "createdBy": person.issuer,
            }
            # Taken is either the name, or the person: another tab of theirs was quicker.
            with suppress(Duplicate):
                async with db.errors():
                    await self.collection.insert_one(made)
                return Provided(made, f"{free} ({role})")
            if (found := await self._find(person)) is not None:
                return Provided(found)
        raise Duplicate("name")

    async def take_role(self, person: Person) -> Provided | None:
        """Leave no more than the least role to a person whom the provider gives none any more."""
        found = await self._find(person)
        if found is None:
            return None
        return await self._give(person, found, Role.VIEWER, "the provider gives no role")

    async def _give(self, person: Person, record: db.Document, role: Role, why: str) -> Provided:
        if record["role"] == role:
            return Provided(record)

        async def apply(session: AsyncIOMotorClientSession) -> db.Document | None:
            return await self.collection.find_one_and_update(
                person.matching(),
                {"$set": {"role": role}},
                return_document=ReturnDocument.AFTER,
                session=session,
            )

        try:
            changed = await keep_an_admin(self.collection, {}, apply, LAST_ADMIN)
        except LastAdmin:
            return Provided(record, f"{record['name']} (stays the last {record['role']}: {why})")
        return Provided(changed or record, f"{record['name']} ({role}: {why})")

    async def _find(self, person: Person) -> db.Document | None:
        async with db.errors():
            return await self.collection.find_one(person.matching())

    async def _set(self, person: Person, fields: db.Document) -> db.Document | None:
        async with db.errors():
            return await self.collection.find_one_and_update(
                person.matching(), {"$set": fields}, return_document=ReturnDocument.AFTER
            )
