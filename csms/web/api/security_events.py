"""`/admin/security-events`: what charge points reported of their own security."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from csms.domain.api_token import Role
from csms.domain.security_event import SecurityEventView
from csms.repositories.pages import Page
from csms.web.api.base import ApiHandler, endpoint
from csms.web.api.readings import MEDIA, Readings, ReadingsQuery, answer


class SecurityEventQuery(ReadingsQuery):
    """Which security events."""

    type: Annotated[str, Field(max_length=50)] | None = None
    critical: bool | None = None

    def matching(self) -> dict[str, Any]:
        """The query as a MongoDB filter."""
        chosen = self.model_dump(include={"type", "critical"}, exclude_none=True)
        return self.filter("timestamp") | chosen


class SecurityEventsHandler(ApiHandler):
    """The security events of all charge points."""

    @endpoint(
        role=Role.VIEWER,
        summary="Security events",
        query=SecurityEventQuery,
        returns=Page[SecurityEventView],
        media=MEDIA,
    )
    async def get(self, query: SecurityEventQuery) -> Page[SecurityEventView] | None:
        readings = Readings(
            self.services.database["security_events"],
            "timestamp",
            SecurityEventView.model_validate,
            tuple(SecurityEventView.model_fields),
            lambda document: [document],
        )
        return await answer(self, readings, query.matching(), query)
