"""`/admin/tokens`: who may use this interface."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from csms import db
from csms.domain.api_token import Role, Scope, highest_role
from csms.domain.text import COMPOSED
from csms.domain.times import to_utc
from csms.repositories.api_tokens import Limits, read_holder
from csms.repositories.pages import Page
from csms.web.api.base import ApiHandler, endpoint

Station = Annotated[str, Field(min_length=1, max_length=255), COMPOSED]
MAX_STATIONS = 100


class NewToken(BaseModel):
    """A token to make."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100, description="who or what it is for")]
    role: Role | None = Field(None, description="give either this or scopes")
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))] | None = Field(
        None, description="what it may do, one by one: to operate without reading, for instance"
    )
    stations: Annotated[list[Station], Field(min_length=1, max_length=MAX_STATIONS)] | None = Field(
        None, description="names of the only stations that it may see and operate; null: all"
    )
    expiresAt: Annotated[AwareDatetime, AfterValidator(to_utc)] | None = Field(
        None, description="when it ends; null: when it is revoked"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> NewToken:
        if (self.role is None) == (self.scopes is None):
            raise ValueError("give role, or scopes instead of it")
        return self


class TokenView(BaseModel):
    """A token as it is listed: all but the token itself."""

    id: str
    name: str
    role: Role
    scopes: list[Scope] = Field(description="what it may do")
    stations: list[str] | None = Field(description="the only ones it may see; null: all")
    createdAt: datetime
    createdBy: str
    expiresAt: datetime | None
    lastUsedAt: datetime | None


class MadeToken(TokenView):
    """A token that was just made."""

    token: str = Field(description="shown this once")


def fields_of(record: db.Document) -> dict[str, Any]:
    """A record in the fields of its view."""
    holder = read_holder(record)
    stations = None if holder.stations is None else sorted(holder.stations)
    scopes = [scope for scope in Scope if scope in holder.scopes]
    return {**record, "id": record["_id"], "scopes": scopes, "stations": stations}


class TokensHandler(ApiHandler):
    """All tokens."""

    @endpoint(role=Role.ADMIN, summary="List the tokens", returns=Page[TokenView])
    async def get(self) -> Page[TokenView]:
        records = await self.services.api_tokens.list()
        items = [TokenView.model_validate(fields_of(record)) for record in records]
        return Page(items=items, nextCursor=None)

    @endpoint(role=Role.ADMIN, summary="Make a token", body=NewToken, returns=MadeToken, status=201)
    async def post(self, body: NewToken) -> MadeToken:
        scopes = None if body.scopes is None else frozenset(body.scopes)
        record, token = await self.services.api_tokens.create(
            body.name,
            body.role or highest_role(scopes or ()),
            created_by=self.token.name,
            expires_at=body.expiresAt,
            limits=Limits(scopes, None if body.stations is None else frozenset(body.stations)),
        )
        self.changed = f"{record['name']} ({record['_id']}, {record['role']})"
        return MadeToken.model_validate({**fields_of(record), "token": token})


class TokenHandler(ApiHandler):
    """One token."""

    @endpoint(
        role=Role.ADMIN,
        summary="Revoke a token; it may still work for five seconds",
        status=204,
        errors=(404, 409),
    )
    async def delete(self, token_id: str) -> None:
        await self.services.api_tokens.revoke(token_id)
        await self.services.sessions.end_all("token", token_id)
