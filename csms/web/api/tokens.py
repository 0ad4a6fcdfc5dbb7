"""`/admin/tokens`: who may use this interface."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from csms.domain.api_token import Role
from csms.domain.times import to_utc
from csms.repositories.pages import Page
from csms.web.api.base import ApiHandler, endpoint


class NewToken(BaseModel):
    """A token to make."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100, description="who or what it is for")]
    role: Role
    expiresAt: Annotated[AwareDatetime, AfterValidator(to_utc)] | None = None


class TokenView(BaseModel):
    """A token as it is listed: all but the token itself."""

    id: str
    name: str
    role: Role
    createdAt: datetime
    createdBy: str
    expiresAt: datetime | None
    lastUsedAt: datetime | None


class MadeToken(TokenView):
    """A token that was just made."""

    token: str = Field(description="shown this once")


class TokensHandler(ApiHandler):
    """All tokens."""

    @endpoint(role=Role.ADMIN, summary="List the tokens", returns=Page[TokenView])
    async def get(self) -> Page[TokenView]:
        records = await self.services.api_tokens.list()
        items = [TokenView.model_validate({**r, "id": r["_id"]}) for r in records]
        return Page(items=items, nextCursor=None)

    @endpoint(role=Role.ADMIN, summary="Make a token", body=NewToken, returns=MadeToken, status=201)
    async def post(self, body: NewToken) -> MadeToken:
        record, token = await self.services.api_tokens.create(
            body.name, body.role, created_by=self.token.name, expires_at=body.expiresAt
        )
        self.changed = f"{record['name']} ({record['_id']}, {record['role']})"
        return MadeToken.model_validate({**record, "id": record["_id"], "token": token})


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
