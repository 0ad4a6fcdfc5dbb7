"""`/admin/heartbeats`: when charge points said that they are alive."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from csms.domain.api_token import Role
from csms.repositories.pages import Page
from csms.web.api.base import ApiHandler, endpoint
from csms.web.api.readings import MEDIA, Readings, ReadingsQuery, answer


class HeartbeatView(BaseModel):
    """One heartbeat."""

    chargePointId: str
    chargePointIdentity: str
    receivedAt: datetime


class HeartbeatsHandler(ApiHandler):
    """The heartbeats of all charge points."""

    @endpoint(
        role=Role.VIEWER,
        summary="Heartbeats",
        query=ReadingsQuery,
        returns=Page[HeartbeatView],
        media=MEDIA,
    )
    async def get(self, query: ReadingsQuery) -> Page[HeartbeatView] | None:
        readings = Readings(
            self.services.database["heartbeats"],
            "receivedAt",
            HeartbeatView.model_validate,
            tuple(HeartbeatView.model_fields),
            lambda document: [document],
        )
        return await answer(self, readings, query.filter("receivedAt"), query)
