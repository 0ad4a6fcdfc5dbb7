"""`/meter-values/series`: what the charts draw, as JSON."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from tornado.web import HTTPError

from csms.domain.times import rfc3339
from csms.repositories.meter_series import MeterSeries, Series, SeriesFilter
from csms.web.api.readings import Id, Integer, Time
from csms.web.pages.base import PageHandler
from csms.web.problems import PROBLEM_JSON, problem_of

MAX_IDS = 20
MAX_MINUTES = 366 * 24 * 60

MEASURANDS = {
    "Power.Active.Import": "Power",
    "Energy.Active.Import.Register": "Energy meter",
    "Energy.Active.Import.Interval": "Energy per interval",
    "Current.Import": "Current",
    "Current.Offered": "Current offered",
    "Power.Offered": "Power offered",
    "Voltage": "Voltage",
    "SoC": "State of charge",
    "Temperature": "Temperature",
    "Frequency": "Frequency",
    "Power.Factor": "Power factor",
    "Power.Reactive.Import": "Reactive power",
    "Energy.Reactive.Import.Register": "Reactive energy meter",
    "Power.Active.Export": "Power exported",
    "Energy.Active.Export.Register": "Energy meter, exported",
    "Current.Export": "Current exported",
    "RPM": "Fan speed",
}
"""What people call them."""


def _some(values: object) -> object:
    return [values] if isinstance(values, str) else values


Measurand = Annotated[str, Field(min_length=1, max_length=255)]


class SeriesQuery(BaseModel):
    """What to draw; without `from` it begins `minutes` before `to`, or with the transaction."""

    model_config = ConfigDict(extra="ignore")

    chargePointId: Annotated[
        list[Id], BeforeValidator(_some), Field(default_factory=list, max_length=MAX_IDS)
    ]
    connectorId: Integer | None = None
    transactionId: Integer | None = None
    measurand: Annotated[
        list[Measurand], BeforeValidator(_some), Field(default_factory=list, max_length=MAX_IDS)
    ]
    since: Time | None = Field(None, alias="from")
    until: Time | None = Field(None, alias="to")
    minutes: Annotated[int, Field(ge=1, le=MAX_MINUTES)] = 24 * 60
    points: Annotated[int, Field(ge=2, le=1000)] = 300

    @model_validator(mode="after")
    def _is_about_something(self) -> SeriesQuery:
        if not self.chargePointId and self.transactionId is None:
            raise ValueError("chargePointId or transactionId must be given")
        return self

    def wanted(self) -> SeriesFilter:
        """The query as the repository has it."""
        return SeriesFilter(
            tuple(self.chargePointId), self.connectorId, self.transactionId, tuple(self.measurand)
        )


class MeterSeriesHandler(PageHandler):
    """Series for charts; errors are problems, for a script asks."""

    role = None
    is_seen_by_person = False

    async def prepare(self) -> None:
        """Refuse who is not signed in: a script cannot follow to the sign-in page."""
        await super().prepare()
        if self.viewer is None:
            raise HTTPError(HTTPStatus.UNAUTHORIZED)

    async def get(self) -> None:
        """Answer with the series."""
        query = self.read_query(SeriesQuery, many=("chargePointId", "measurand"))
        repository = MeterSeries(self.services.database)
        since, until = await self._time(query, repository)
        series = await repository.find(query.wanted(), since, until, query.points)
        named = _Names(self, series)
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(
            json.dumps(
                {
                    "from": rfc3339(since),
                    "to": rfc3339(until),
                    "series": [named.shown(one) for one in series],
                }
            )
        )

    async def _time(self, query: SeriesQuery, repository: MeterSeries) -> tuple[datetime, datetime]:
        until = query.until or self.services.deps.clock()
        since = query.since or until - timedelta(minutes=query.minutes)
        if query.transactionId is not None and None in (query.since, query.until):
            span = await repository.span(query.wanted())
            if span is not None:
                since = query.since or span[0]
                until = query.until or span[1] + timedelta(milliseconds=1)
        return min(since, until), until

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with a problem."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        problem = problem_of(error, status_code)
        self.set_status(problem.status)
        self.set_header("Content-Type", PROBLEM_JSON)
        self.finish(json.dumps(problem.body(), ensure_ascii=False))


class _Names:
    """What the series of one chart are called: their measurand, and what else they differ in."""

    def __init__(self, handler: PageHandler, series: list[Series]) -> None:
        self._translate = handler.locale.translate
        self._charge_points = len({one.charge_point_id for one in series}) > 1
        self._connectors = len({(o.charge_point_id, o.connector_id) for o in series}) > 1

    def shown(self, one: Series) -> dict[str, Any]:
        """A series as JSON."""
        return {
            "label": self._label(one),
            "chargePointId": one.charge_point_id,
            "connectorId": one.connector_id,
            "measurand": one.measurand,
            "phase": one.phase,
            "location": one.location,
            "unit": one.unit,
            "points": one.points,
        }

    def _label(self, one: Series) -> str:
        words = [self._translate(MEASURANDS.get(one.measurand, one.measurand))]
        if one.phase is not None:
            words.append(one.phase)
        if one.location not in (None, "Outlet", "EV"):
            words.append(self._translate(str(one.location)))
        name = " ".join(words)
        if self._connectors:
            connector = self._translate("connector {0}").format(one.connector_id)
            name = f"{connector}: {name}"
        return f"{one.charge_point_id}, {name}" if self._charge_points else name
