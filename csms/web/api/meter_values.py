"""`/admin/meter-values`: what was metered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from csms import db
from csms.domain.api_token import Role
from csms.repositories.pages import Page
from csms.web.api.base import ApiHandler, endpoint
from csms.web.api.readings import MEDIA, Integer, Readings, ReadingsQuery, answer

_COLUMNS = (
    "chargePointId", "chargePointIdentity", "connectorId", "transactionId", "timestamp",
    "receivedAt", "measurand", "phase", "value", "unit", "context", "location", "format", "raw",
    "flags", "reportedTransactionId",
)  # fmt: skip


class MeterValueQuery(ReadingsQuery):
    """Which readings."""

    connectorId: Integer | None = None
    transactionId: Integer | None = None
    measurand: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        None, description="readings that have it, and of these only its samples"
    )


class SampledValueView(BaseModel):
    """One sample, with the standard's defaults filled in and its unit normalised."""

    measurand: str
    value: float | None
    raw: str
    unit: str | None
    phase: str | None
    context: str
    location: str
    format: str


class MeterValueView(BaseModel):
    """One reading."""

    id: str
    chargePointId: str
    chargePointIdentity: str
    connectorId: int
    transactionId: int | None
    reportedTransactionId: int | float | str | bool | None = Field(
        None, description="what the charge point said, where that is not its transaction's id"
    )
    timestamp: datetime
    receivedAt: datetime
    sampledValue: list[SampledValueView]
    flags: list[str]


class MeterValuesHandler(ApiHandler):
    """The readings of all charge points."""

    @endpoint(
        role=Role.VIEWER,
        summary="Meter values, by the charge points' time",
        query=MeterValueQuery,
        returns=Page[MeterValueView],
        media=MEDIA,
    )
    async def get(self, query: MeterValueQuery) -> Page[MeterValueView] | None:
        found = query.filter("timestamp")
        if query.connectorId is not None:
            found["connectorId"] = query.connectorId
        if query.transactionId is not None:
            found["transactionId"] = query.transactionId
            # Version 0.1.0 has stored readings under the transaction of another charge point.
            owner = await self.services.deps.transactions.charge_point_of(query.transactionId)
            if owner is not None:
                found["$and"] = [{"chargePointId": owner}]
        if query.measurand is not None:
            found["sampledValue.measurand"] = query.measurand

        def samples(document: db.Document) -> list[dict[str, Any]]:
            return [
                sample
                for sample in document["sampledValue"]
                if query.measurand in (None, sample["measurand"])
            ]

        def view(document: db.Document) -> MeterValueView:
            return MeterValueView.model_validate(
                {**document, "id": document["_id"], "sampledValue": samples(document)}
            )

        def rows(document: db.Document) -> Iterable[dict[str, Any]]:
            return ({**document, **sample} for sample in samples(document))

        readings = Readings(
            self.services.database["meter_values"], "timestamp", view, _COLUMNS, rows
        )
        return await answer(self, readings, found, query)
