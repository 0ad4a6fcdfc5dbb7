"""`/admin/alarms`: what an operator has to look at."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from csms import db
from csms.domain.alarm import ALARM_TEXTS, AlarmKind, Severity
from csms.domain.api_token import Role
from csms.errors import NotFound
from csms.repositories.pages import Page
from csms.web.api.base import ApiHandler, PageQuery, endpoint
from csms.web.api.readings import Id
from csms.web.api.stations import is_at


class AlarmFilter(BaseModel):
    """What alarms are looked for by, in the REST and on the page."""

    kind: AlarmKind | None = None
    chargePointId: Id | None = None

    def matching(self) -> dict[str, str]:
        """The query as a MongoDB filter, without what `open` says."""
        return self.model_dump(include={"kind", "chargePointId"}, exclude_none=True, mode="json")


class AlarmQuery(AlarmFilter, PageQuery):
    """Which alarms to list."""

    open: bool | None = Field(None, description="whether they are open still")


class AlarmView(BaseModel):
    """One alarm. While it is open, everything that raises it again is counted in it."""

    id: str
    kind: str
    severity: Severity
    title: str
    remedy: str = Field(description="what to do about it")
    subject: str = Field(description="what it is about: a charge point, a node, an account, ...")
    chargePointId: str | None = None
    facts: dict[str, str] = Field(description="what helps to find the cause, such as addresses")
    count: int = Field(description="how often it was raised")
    open: bool
    raisedAt: datetime
    lastRaisedAt: datetime
    acknowledgedAt: datetime | None = None
    acknowledgedBy: str | None = None
    closedAt: datetime | None = None
    closedBy: str | None = Field(None, description="null where its cause was gone")


def view(alarm: db.Document) -> AlarmView:
    """An alarm as REST shows it; one of a kind that only a newer version knows has its name."""
    kind = alarm["kind"]
    texts = ALARM_TEXTS.get(AlarmKind(kind)) if kind in set(AlarmKind) else None
    return AlarmView.model_validate(
        {
            **alarm,
            "id": str(alarm["_id"]),
            "title": texts.title if texts else kind,
            "remedy": texts.remedy if texts else "",
            "open": alarm.get("closedAt") is None,
        }
    )


class AlarmsHandler(ApiHandler):
    """All alarms."""

    @endpoint(
        role=Role.VIEWER,
        summary="Alarms: the open ones first, the latest of them at the top",
        query=AlarmQuery,
        returns=Page[AlarmView],
    )
    async def get(self, query: AlarmQuery) -> Page[AlarmView]:
        alarms, cursor = await self.services.alarm_records.page(
            query.matching(), query.open, query.limit, query.cursor
        )
        return Page(items=[view(alarm) for alarm in alarms], nextCursor=cursor)


class _AlarmHandler(ApiHandler):
    """What the resources of one alarm share."""

    async def find(self, alarm_id: str) -> db.Document:
        """The alarm, if it is about a station of the token.

        Raises:
            NotFound: there is none, or it is about another station or about none.
        """
        alarm = await self.services.alarm_records.get(alarm_id)
        if self.token.stations is not None:
            about = alarm.get("chargePointId")
            record = about and await self.services.deps.charge_points.find(about)
            if not is_at(self.token, record or None):
                raise NotFound("alarm", alarm_id)
        return alarm


class AlarmHandler(_AlarmHandler):
    """One alarm."""

    @endpoint(
        role=Role.VIEWER, summary="One alarm", returns=AlarmView, errors=(404,), by_station=True
    )
    async def get(self, alarm_id: str) -> AlarmView:
        return view(await self.find(alarm_id))


class AcknowledgeAlarmHandler(_AlarmHandler):
    """That somebody looks after an alarm."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Say that you look after an alarm; it stays open",
        returns=AlarmView,
        errors=(404,),
        by_station=True,
    )
    async def post(self, alarm_id: str) -> AlarmView:
        await self.find(alarm_id)
        by, now = self.token.name, self.services.deps.clock()
        return view(await self.services.alarm_records.acknowledge(alarm_id, by, now))


class CloseAlarmHandler(_AlarmHandler):
    """The end of an alarm."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Close an alarm; what raises it again opens a new one",
        returns=AlarmView,
        errors=(404,),
        by_station=True,
    )
    async def post(self, alarm_id: str) -> AlarmView:
        alarm = await self.find(alarm_id)
        if alarm.get("openKey") is not None:
            self.services.deps.alarms.forget_repeats(alarm["openKey"])
        by, now = self.token.name, self.services.deps.clock()
        return view(await self.services.alarm_records.close(alarm_id, by, now))
