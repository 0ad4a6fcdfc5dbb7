"""The meter explorer: what was metered at some charge points in some time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from csms.domain.times import rfc3339
from csms.repositories.meter_series import MeterSeries, SeriesFilter
from csms.web.api.readings import Id, Integer
from csms.web.pages.base import PageHandler
from csms.web.pages.local_times import LocalTime
from csms.web.pages.meter_series import MAX_IDS, MEASURANDS, Measurand

SPANS = {"1h": "Last hour", "6h": "6 hours", "today": "Today", "7d": "7 days"}
_LENGTHS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "7d": timedelta(days=7)}
FIRST_MEASURANDS = 8
NEWEST = 100


def _once(items: list[str]) -> list[str]:
    return list(dict.fromkeys(items))


class ExplorerQuery(BaseModel):
    """What to look at; `from` and `to` count where the span is `custom`."""

    chargePointId: Annotated[
        list[Id], AfterValidator(_once), Field(default_factory=list, max_length=MAX_IDS)
    ]
    connectorId: Integer | None = None
    measurand: Annotated[
        list[Measurand], AfterValidator(_once), Field(default_factory=list, max_length=MAX_IDS)
    ]
    span: Literal["1h", "6h", "today", "7d", "custom"] = "1h"
    since: LocalTime | None = Field(None, alias="from")
    until: LocalTime | None = Field(None, alias="to")


class MeterValuesPage(PageHandler):
    """Charts, the newest samples, and all of them to download."""

    async def get(self) -> None:
        """Show it."""
        query = self.read_query(ExplorerQuery, many=("chargePointId", "measurand"))
        measurands = query.measurand or ["Power.Active.Import"]
        now = self.services.deps.clock()
        since, until = self._time(query, now)
        wanted = SeriesFilter(
            tuple(query.chargePointId), query.connectorId, None, tuple(measurands)
        )
        samples = []
        if query.chargePointId:
            repository = MeterSeries(self.services.database)
            samples = await repository.newest(wanted, since, until or now, NEWEST)
        names = list(MEASURANDS)
        names += [name for name in measurands if name not in MEASURANDS]
        self.show(
            "meter_values.html",
            query=query,
            measurands=measurands,
            names=names,
            titles=MEASURANDS,
            first_names=FIRST_MEASURANDS,
            spans=SPANS,
            since=since,
            until=until,
            samples=samples,
            series_url=lambda name: self._series_url(query, name, since, until),
            download_url=lambda one, form: self.url(
                "/admin/meter-values",
                chargePointId=one,
                connectorId=query.connectorId,
                measurand=measurands[0] if len(measurands) == 1 else None,
                format=form,
                **_bounds(since, until),
            ),
        )

    def _time(self, query: ExplorerQuery, now: datetime) -> tuple[datetime, datetime | None]:
        """The time that is asked for; without an end it goes on."""
        if query.span == "custom":
            until = query.until
            since = query.since or (until or now) - _LENGTHS["1h"]
            return min(since, until or now), until
        if query.span == "today":
            midnight = now.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
            return midnight, None
        return now - _LENGTHS[query.span], None

    def _series_url(
        self, query: ExplorerQuery, measurand: str, since: datetime, until: datetime | None
    ) -> str:
        asked: dict[str, Any] = {
            "chargePointId": query.chargePointId,
            "connectorId": query.connectorId,
            "measurand": measurand,
        }
        if query.span in _LENGTHS:
            # Not a time: the chart moves on while the page is open.
            asked["minutes"] = _LENGTHS[query.span] // timedelta(minutes=1)
        else:
            asked |= _bounds(since, until)
        return self.url("/meter-values/series", **asked)


def _bounds(since: datetime, until: datetime | None) -> dict[str, str | None]:
    return {"from": rfc3339(since), "to": None if until is None else rfc3339(until)}
