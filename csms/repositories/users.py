"""`users`: who may sign in to the admin pages. Only hashes of the passwords are stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo import ReturnDocument

from csms import db
from csms.domain.api_token import Role
from csms.domain.text import nfc
from csms.domain.user import UserPatch, fold, hash_password, verify_password
from csms.errors import Duplicate, FieldError, InvalidInput, NotFound
from csms.passwords import PasswordPool
from csms.repositories.last_admin import keep_an_admin

LAST_ADMIN = "This is the last user with the role admin. Make another admin first."


class Users:
    """Makes, checks and removes users."""

    def __init__(
        self,
        database: db.Database,
        clock: Callable[[], datetime],
        passwords: PasswordPool | None = None,
    ) -> None:
        self.collection: db.Collection = database["users"]
        self._clock = clock
        self.passwords = passwords or PasswordPool.for_people()

    async def create(self, name: str, password: str, role: Role, created_by: str) -> db.Document:
        """Make a user.

        Raises:
            Duplicate: the name is taken.
            Busy: too many passwords are being hashed.
        """
        record: db.Document = {
            "_id": fold(name),
            "name": nfc(name.strip()),
            "role": role,
            "passwordHash": await self.passwords.run(hash_password, password),
            "createdAt": self._clock(),
            "createdBy": created_by,
            "lastSignInAt": None,
        }
        try:
            async with db.errors():
                await self.collection.insert_one(record)
        except Duplicate:
            async with db.errors():
                other = await self.collection.find_one({"_id": record["_id"]}, {"name": 1})
            taken_by = other["name"] if other else None
            written = taken_by if taken_by != record["name"] else None
            raise Duplicate("name", taken_by, written) from None
        return record

    async def change(self, name: str, patch: UserPatch) -> db.Document:
        """Change what the patch names.

        Raises:
            NotFound: there is no such user.
            InvalidInput: it is the provider's to change.
            LastAdmin: nobody with the role admin would be left.
            Busy: too many passwords are being hashed.
        """
        fields: dict[str, Any] = patch.model_dump(exclude_unset=True)
        await self._leave_to_provider(name, fields)
        if "password" in fields:
            password = fields.pop("password")
            fields["passwordHash"] = await self.passwords.run(hash_password, password)

        async def apply(session: AsyncIOMotorClientSession) -> db.Document | None:
            return await self.collection.find_one_and_update(
                {"_id": fold(name)},
                {"$set": {**fields, "updatedAt": self._clock()}},
                return_document=ReturnDocument.AFTER,
                session=session,
            )

        record = await keep_an_admin(self.collection, {}, apply, LAST_ADMIN)
        if record is None:
            raise NotFound("user", name)
        return record

    async def _leave_to_provider(self, name: str, fields: Mapping[str, Any]) -> None:
        async with db.errors():
            record = await self.collection.find_one({"_id": fold(name)}, {"subject": 1})
        if record is not None and record.get("subject") is not None:
            message = "is kept by the provider of single sign-on; change it there"
            raise InvalidInput(*(FieldError(field, message) for field in fields))

    async def delete(self, name: str) -> None:
        """Remove a user.

        Raises:
            NotFound: there is no such user.
            LastAdmin: nobody with the role admin would be left.
        """

        async def remove(session: AsyncIOMotorClientSession) -> int:
            result = await self.collection.delete_one({"_id": fold(name)}, session=session)
            return result.deleted_count

        if await keep_an_admin(self.collection, {}, remove, LAST_ADMIN) == 0:
            raise NotFound("user", name)

    async def list(self) -> list[db.Document]:
        """All users, by name."""
        async with db.errors():
            return await self.collection.find().sort("_id", 1).to_list(None)

    async def find(self, name: str) -> db.Document | None:
        """The user with this name, if there is one."""
        async with db.errors():
            return await self.collection.find_one({"_id": fold(name)})

    async def has_password(self, record: db.Document | None, password: str) -> bool:
        """Whether this is the password of a user. Takes as long where there is no such user.

        The caller holds a place of `passwords`.
        """
        stored = record.get("passwordHash") if record else None
        return await self.passwords.run_in_place(verify_password, stored, password)

    async def note_sign_in(self, record: db.Document) -> None:
        """Note that a user has just signed in."""
        async with db.errors():
            await self.collection.update_one(
                {"_id": record["_id"]}, {"$set": {"lastSignInAt": self._clock()}}
            )
