"""`/admin/users`: who may sign in to the admin pages."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from csms import db
from csms.domain.api_token import Role
from csms.domain.user import NewUser, Password, UserPatch, fold
from csms.errors import FieldError, InvalidInput
from csms.repositories.pages import Page
from csms.web.api.base import ApiHandler, endpoint
from csms.web.browser import caller_of


class UserView(BaseModel):
    """A user: all but the password."""

    name: str
    role: Role
    createdAt: datetime
    createdBy: str
    lastSignInAt: datetime | None = None
    singleSignOn: bool = Field(
        False, description="signs in through the OpenID Connect provider, which gives the role"
    )


class OwnPassword(BaseModel):
    """A new password of one's own."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    oldPassword: str
    password: Password


def view(record: db.Document) -> UserView:
    """A user as REST shows it."""
    return UserView.model_validate({**record, "singleSignOn": record.get("subject") is not None})


class UsersHandler(ApiHandler):
    """All users."""

    @endpoint(role=Role.ADMIN, summary="List the users", returns=Page[UserView])
    async def get(self) -> Page[UserView]:
        records = await self.services.users.list()
        return Page(items=[view(record) for record in records], nextCursor=None)

    @endpoint(
        role=Role.ADMIN,
        summary="Make a user",
        body=NewUser,
        returns=UserView,
        status=201,
        errors=(409,),
    )
    async def post(self, body: NewUser) -> UserView:
        record = await self.services.users.create(
            body.name, body.password, body.role, self.token.name
        )
        self.changed = f"{record['name']} ({record['role']})"
        return view(record)


class UserHandler(ApiHandler):
    """One user."""

    @endpoint(
        role=Role.ADMIN,
        summary="Change a user's role or password; ends the sessions that are open",
        body=UserPatch,
        returns=UserView,
        errors=(404, 409),
    )
    async def patch(self, name: str, body: UserPatch) -> UserView:
        record = await self.services.users.change(name, body)
        await self.services.sessions.end_all("user", record["_id"])
        if "role" in body.model_fields_set:
            self.changed = f"{record['name']} ({record['role']})"
        return view(record)

    @endpoint(
        role=Role.ADMIN,
        summary="Remove a user; ends the sessions that are open",
        status=204,
        errors=(404, 409),
    )
    async def delete(self, name: str) -> None:
        await self.services.users.delete(name)
        await self.services.sessions.end_all("user", fold(name))


class OwnPasswordHandler(ApiHandler):
    """One's own password."""

    @endpoint(
        role=Role.VIEWER,
        summary="Change one's own password; ends one's other sessions, and this one",
        body=OwnPassword,
        status=204,
        errors=(429,),
    )
    async def post(self, body: OwnPassword) -> None:
        name = self.token.name if self.token.is_user else ""
        user = name and await self.services.guard.check_password(
            name, body.oldPassword, caller_of(self), self.request.path
        )
        if not user:
            raise InvalidInput(FieldError("oldPassword", "is not right"))
        await self.services.users.change(user["_id"], UserPatch(password=body.password))
        await self.services.sessions.end_all("user", user["_id"])
