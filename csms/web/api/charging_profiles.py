"""`/admin/charging-profiles`, and the schedule that a charge point makes of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from csms.domain.api_token import Role
from csms.domain.as_sent import status_in
from csms.domain.charging_profile import ChargingProfileView, Period, Purpose, readable, view
from csms.domain.times import parse_time
from csms.ocppj.payloads import answer_errors
from csms.repositories.pages import Page, find_page
from csms.web.api.base import ApiHandler, PageQuery, endpoint
from csms.web.api.readings import Id, Integer


class ChargingProfileQuery(PageQuery):
    """Which charging profiles."""

    chargePointId: Id | None = None
    connectorId: Integer | None = None
    transactionId: Integer | None = None
    chargingProfilePurpose: Purpose | None = None


class CompositeScheduleRequest(BaseModel):
    """What span of time to ask for."""

    model_config = ConfigDict(extra="forbid")

    connectorId: Annotated[int, Field(ge=0)] = Field(0, description="0 is the whole charge point")
    duration: Annotated[int, Field(ge=1)] = Field(86_400, description="seconds from now")
    chargingRateUnit: Literal["A", "W"] | None = None


class CompositeSchedule(BaseModel):
    """What the charge point intends to allow; without periods where it told none."""

    status: str
    connectorId: int | None = None
    scheduleStart: datetime | None = None
    periods: list[Period] = []


class ChargingProfilesHandler(ApiHandler):
    """The profiles of all charge points."""

    @endpoint(
        role=Role.VIEWER,
        summary="Charging profiles that charge points have accepted, newest first",
        query=ChargingProfileQuery,
        returns=Page[ChargingProfileView],
    )
    async def get(self, query: ChargingProfileQuery) -> Page[ChargingProfileView]:
        found: dict[str, Any] = query.model_dump(exclude={"limit", "cursor"}, exclude_none=True)
        documents, cursor = await find_page(
            self.services.deps.charging_profiles.collection,
            found,
            sort_field="createdAt",
            order="desc",
            limit=query.limit,
            cursor=query.cursor,
        )
        return Page(items=[view(document) for document in documents], nextCursor=cursor)


class CompositeScheduleHandler(ApiHandler):
    """GetCompositeSchedule, as people read it."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Ask what limits the charge point will keep to, and when",
        body=CompositeScheduleRequest,
        body_optional=True,
        returns=CompositeSchedule,
        errors=(404, 409, 502, 504),
    )
    async def post(self, charge_point_id: str, body: CompositeScheduleRequest) -> CompositeSchedule:
        answer = await self.services.commands.ask(
            charge_point_id,
            "GetCompositeSchedule",
            body.model_dump(exclude_none=True),
            self.token.name,
        )
        # An answer that breaks its schema says nothing that could be relied on.
        fits = not answer_errors("GetCompositeSchedule", answer)
        schedule = answer.get("chargingSchedule") if fits else None
        start = parse_time(answer.get("scheduleStart"))
        if start is None and schedule:
            start = parse_time(schedule.get("startSchedule"))
        return CompositeSchedule(
            status=status_in(answer),
            connectorId=answer.get("connectorId") if fits else None,
            scheduleStart=start,
            periods=readable(schedule, start) if schedule else [],
        )
