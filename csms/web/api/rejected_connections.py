"""`/admin/rejected-connections`: who was turned away, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from csms import db
from csms.connections.admission import Reason
from csms.domain.api_token import Role
from csms.domain.text import COMPOSED
from csms.repositories.pages import Page, find_page
from csms.repositories.visitors import VisitorRecords, find_visitor_records
from csms.web.api.base import ApiHandler, PageQuery, endpoint


class RejectedConnectionQuery(PageQuery):
    """Which rejections."""

    chargePointIdentity: Annotated[str, Field(max_length=255), COMPOSED] | None = None
    reason: Annotated[str, Field(max_length=100)] | None = None


def filter_of(query: RejectedConnectionQuery) -> dict[str, Any]:
    """The filter as MongoDB has it; that a TLS handshake failed is found whatever OpenSSL said."""
    found: dict[str, Any] = query.model_dump(
        include={"chargePointIdentity", "reason"}, exclude_none=True
    )
    if query.reason == Reason.TLS_HANDSHAKE:
        found["reason"] = {"$gte": f"{Reason.TLS_HANDSHAKE}: ", "$lt": f"{Reason.TLS_HANDSHAKE};"}
    return found


class RejectedConnectionView(BaseModel):
    """How often one visitor was turned away for one reason."""

    chargePointIdentity: str | None
    remoteAddress: str
    reason: str
    reportedSerialNumber: str | None = None
    path: str | None = Field(None, description="what it asked for, if its path was wrong")
    count: int
    firstSeen: datetime
    lastSeen: datetime
    similarTo: str | None = Field(
        None,
        description="id of the record whose identity differs from this one in case or normal form"
        " alone; null where the identity itself is on record",
    )
    waitsFor: str | None = Field(
        None,
        description="id of the record without identity that has the serial it reported; to confirm"
        " that it is the one, give the record this `chargePointIdentity`",
    )


def _view(rejection: db.Document, records: VisitorRecords) -> RejectedConnectionView:
    similar = records.similar.get(rejection["chargePointIdentity"] or "")
    waiting = records.waiting_for(rejection)
    return RejectedConnectionView.model_validate(
        {
            **rejection,
            "similarTo": None if similar is None else similar["_id"],
            "waitsFor": None if waiting is None else waiting["_id"],
        }
    )


class RejectedConnectionsHandler(ApiHandler):
    """All rejections."""

    @endpoint(
        role=Role.VIEWER,
        summary="Connections turned away, the latest first",
        query=RejectedConnectionQuery,
        returns=Page[RejectedConnectionView],
    )
    async def get(self, query: RejectedConnectionQuery) -> Page[RejectedConnectionView]:
        documents, cursor = await find_page(
            self.services.database["rejected_connections"],
            filter_of(query),
            sort_field="lastSeen",
            order="desc",
            limit=query.limit,
            cursor=query.cursor,
        )
        records = await find_visitor_records(self.services.deps.charge_points, documents)
        items = [_view(document, records) for document in documents]
        return Page(items=items, nextCursor=cursor)
