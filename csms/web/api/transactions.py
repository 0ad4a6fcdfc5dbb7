"""`/admin/transactions`: charging sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from csms import db
from csms.domain.api_token import Role
from csms.domain.id_tag import fold
from csms.domain.transaction import TransactionStatus
from csms.errors import NotFound
from csms.repositories.counters import MAX_INT32
from csms.repositories.pages import Page, find_page
from csms.web.api.base import ApiHandler, endpoint
from csms.web.api.readings import Integer, Time, TimeRange, between
from csms.web.api.stations import is_at


class TransactionQuery(TimeRange):
    """Which transactions; `from` and `to` are about their start."""

    connectorId: Integer | None = None
    idTag: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    transactionId: Integer | None = None
    active: bool | None = Field(None, description="whether they have not ended yet")
    status: TransactionStatus | None = None
    flag: Annotated[str, Field(pattern=r"^[A-Za-z]{1,50}$")] | None = Field(
        None, description="one of `flags`, such as clockSkew"
    )
    stoppedFrom: Time | None = Field(
        None, description="when they ended: inclusive; UTC if no zone is given"
    )
    stoppedTo: Time | None = Field(None, description="exclusive")
    limit: Annotated[int, Field(ge=1, le=1000)] = 100

    def _may_be(self, status: TransactionStatus) -> bool:
        is_active = status is TransactionStatus.ACTIVE
        return self.status in (None, status) and self.active in (None, is_active)

    def matching(self) -> dict[str, Any]:
        """The query as a MongoDB filter."""
        found = self.filter("startTimestamp")
        if self.connectorId is not None:
            found["connectorId"] = self.connectorId
        if self.idTag is not None:
            found["idTagFolded"] = fold(self.idTag)
        if self.transactionId is not None:
            found["_id"] = self.transactionId
        if self.status is not None or self.active is not None:
            found["status"] = {"$in": [one for one in TransactionStatus if self._may_be(one)]}
        if self.flag is not None:
            # The index of flags holds only what has some.
            found |= {"flags": self.flag, "flags.0": {"$exists": True}}
        if stopped := between(self.stoppedFrom, self.stoppedTo):
            found["stopTimestamp"] = stopped
        return found


class EarlierStop(BaseModel):
    """A stop that a later one has corrected."""

    meterStop: int | None = None
    stopTimestamp: datetime | None = None
    stopReason: str | None = None
    stopIdTag: str | None = None
    energyWh: float | None = None


class TransactionView(BaseModel):
    """One transaction. Energies are Wh."""

    transactionId: int
    chargePointId: str
    chargePointIdentity: str | None = None
    connectorId: int | None = None
    idTag: str | None = None
    parentIdTag: str | None = None
    authorizationStatus: str | None = None
    firmwareVersion: str | None = Field(None, description="when it started")
    meterStart: int | None = None
    assumedMeterStart: float | None = Field(
        None, description="the reading that stands in for a meterStart that was not sent"
    )
    rawMeterStart: float | int | str | bool | None = Field(
        None, description="as sent, where that differs from meterStart"
    )
    startTimestamp: datetime | None = None
    lastMeter: float | None = Field(None, description="the last reading of its register")
    lastReadingAt: datetime | None = None
    meterStop: int | None = None
    assumedMeterStop: float | None = Field(
        None, description="the reading that stands in for a meterStop that cannot be right"
    )
    rawMeterStop: float | int | str | bool | None = Field(
        None, description="as sent, where that differs from meterStop"
    )
    stopTimestamp: datetime | None = None
    stopReason: str | None = None
    stopIdTag: str | None = None
    energyWh: float | None = Field(None, description="of an active one: so far")
    status: TransactionStatus
    flags: list[str] = Field(
        [], description="what looked wrong, such as leftBehind or matchedWithoutId"
    )
    reservationId: int | None = None
    commandId: str | None = Field(None, description="the RemoteStartTransaction it came from")
    earlierStops: list[EarlierStop] = Field(
        [], description="stops that a later one has corrected, the first first"
    )
    leftBehindAt: datetime | None = Field(
        None, description="since when its charge point is known to have forgotten it"
    )
    reportedTransactionId: int | float | str | bool | None = Field(
        None, description="of an orphaned stop: the id that the charge point gave"
    )
    createdAt: datetime | None = None
    updatedAt: datetime | None = None


def view(document: db.Document) -> TransactionView:
    """A transaction as REST shows it."""
    return TransactionView.model_validate({**document, "transactionId": document["_id"]})


def read_id(transaction_id: str) -> int:
    """The id of a path as a number.

    Raises:
        NotFound: it is none, so there is no such transaction.
    """
    is_number = transaction_id.isascii() and transaction_id.isdecimal()
    if not is_number or len(transaction_id) > 12 or int(transaction_id) > MAX_INT32:
        raise NotFound("transaction", transaction_id)
    return int(transaction_id)


async def get_at_stations(handler: ApiHandler, transaction_id: str) -> db.Document:
    """A transaction, if its charge point is at a station of the token.

    Raises:
        NotFound: there is none, or it is elsewhere.
    """
    deps = handler.services.deps
    found = await deps.transactions.get_up_to_date(read_id(transaction_id))
    record = None
    if handler.token.stations is not None:
        record = await deps.charge_points.find(found["chargePointId"])
    if not is_at(handler.token, record):
        raise NotFound("transaction", transaction_id)
    return found


class TransactionsHandler(ApiHandler):
    """All transactions."""

    @endpoint(
        role=Role.VIEWER,
        summary="Transactions, by their start",
        query=TransactionQuery,
        returns=Page[TransactionView],
    )
    async def get(self, query: TransactionQuery) -> Page[TransactionView]:
        documents, cursor = await find_page(
            self.services.deps.transactions.collection,
            query.matching(),
            sort_field="startTimestamp",
            order=query.order,
            limit=query.limit,
            cursor=query.cursor,
        )
        return Page(items=[view(document) for document in documents], nextCursor=cursor)


class TransactionHandler(ApiHandler):
    """One transaction."""

    @endpoint(
        role=Role.VIEWER,
        summary="One transaction",
        returns=TransactionView,
        errors=(404,),
        by_station=True,
    )
    async def get(self, transaction_id: str) -> TransactionView:
        return view(await get_at_stations(self, transaction_id))


class CloseTransactionHandler(ApiHandler):
    """The end of a transaction that its charge point has forgotten."""

    @endpoint(
        role=Role.OPERATOR,
        summary="End a stuck transaction in the record alone; the charge point is not asked",
        returns=TransactionView,
        errors=(404,),
        by_station=True,
    )
    async def post(self, transaction_id: str) -> TransactionView:
        await get_at_stations(self, transaction_id)
        closed = await self.services.deps.transactions.close(
            read_id(transaction_id), self.token.name, self.services.deps.clock()
        )
        return view(closed)
