"""`/admin/audit`: who changed what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from csms.domain.api_token import Role
from csms.repositories.audit import Event
from csms.repositories.pages import Page, find_page
from csms.web.api.base import ApiHandler, endpoint
from csms.web.api.readings import TimeRange


class AuditQuery(TimeRange):
    """Which changes."""

    by: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        None, description="name of the token or user"
    )
    event: Event | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100

    def matching(self) -> dict[str, Any]:
        """The query as a MongoDB filter."""
        found = self.filter("at")
        if self.by is not None:
            found["by"] = self.by
        if self.event is not None:
            found["event"] = self.event.value
        return found


class AuditView(BaseModel):
    """One change that was made through the REST, or by a page through it; or a sign-in."""

    at: datetime
    by: str = Field(description="`unknown` where no user has the name that was tried")
    byId: str
    role: Role
    method: str
    path: str
    fields: list[str] = Field(description="names of what was sent; values are not kept")
    status: int
    remoteAddress: str | None = None
    chargePointId: str | None = None
    event: Event | None = Field(None, description="null for a change")
    subject: str | None = Field(None, description="the user or token that was changed")
    count: int = Field(1, description="how often; failed sign-ins are gathered")
    since: datetime | None = Field(None, description="when the first of them was")


class AuditHandler(ApiHandler):
    """All changes."""

    @endpoint(
        role=Role.ADMIN,
        summary="Changes and sign-ins, the latest first",
        query=AuditQuery,
        returns=Page[AuditView],
    )
    async def get(self, query: AuditQuery) -> Page[AuditView]:
        documents, cursor = await find_page(
            self.services.audit.collection,
            query.matching(),
            sort_field="at",
            order=query.order,
            limit=query.limit,
            cursor=query.cursor,
        )
        return Page(items=[AuditView.model_validate(d) for d in documents], nextCursor=cursor)
