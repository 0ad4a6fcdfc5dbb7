"""`/admin/charge-points`: the whitelist, and the records behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from csms.domain.api_token import Role
from csms.domain.charge_point import (
    ChargePointPatch,
    ChargePointView,
    ConnectorPatch,
    NewChargePoint,
    view,
)
from csms.domain.search import containing
from csms.errors import NotFound
from csms.repositories import bare_records
from csms.repositories.charge_points import CONNECTED, NOT_TROUBLED, TROUBLED
from csms.repositories.pages import Page, find_page
from csms.web.api.base import ApiHandler, PageQuery, endpoint
from csms.web.api.stations import require_no_past, require_station


class ChargePointQuery(PageQuery):
    """Which charge points to list."""

    q: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        None, description="part of the id, name, station, location, serial or identity"
    )
    connected: bool | None = None
    status: Annotated[str, Field(max_length=50)] | None = Field(
        None,
        description="status of the charge point as a whole or of any connector, such as Faulted;"
        " of connected ones, since that of the others is unknown",
    )
    isWhitelisted: bool | None = None
    protocolTrouble: bool | None = Field(
        None, description="whether it departs from OCPP; see `protocolTrouble` of the record"
    )

    bare: bool | None = Field(
        None,
        description="whether it may connect with its identity alone: no key, no security profile",
    )

    def filter(self) -> dict[str, Any]:
        """The query as a MongoDB filter."""
        conditions: list[Mapping[str, Any]] = []
        if self.q is not None:
            conditions.append(containing(self.q))
        if self.connected is not None:
            conditions.append(CONNECTED if self.connected else {"ocppSessionId": None})
        if self.status is not None:
            # With its type, so that MongoDB sees that the partial indexes hold all that match.
            wanted = {"$eq": self.status, "$type": "string"}
            either = [{"status": wanted}, {"connectors.status": wanted}]
            conditions.append({**CONNECTED, "$or": either})
        if self.isWhitelisted is not None:
            conditions.append({"isWhitelisted": {"$ne": False} if self.isWhitelisted else False})
        if self.protocolTrouble is not None:
            conditions.append(TROUBLED if self.protocolTrouble else NOT_TROUBLED)
        if self.bare is not None:
            conditions.append(bare_records.matching(self.bare))
        return {"$and": conditions} if conditions else {}


class ChargePointsHandler(ApiHandler):
    """The whole whitelist."""

    @endpoint(
        role=Role.VIEWER,
        summary="List charge points, by id",
        query=ChargePointQuery,
        returns=Page[ChargePointView],
        by_station=True,
    )
    async def get(self, query: ChargePointQuery) -> Page[ChargePointView]:
        found, stations = query.filter(), self.token.stations
        if stations is not None:
            found = {"$and": [found, {"stationName": {"$in": sorted(stations)}}]}
        records, cursor = await find_page(
            self.services.deps.charge_points.collection,
            found,
            sort_field="_id",
            order="asc",
            limit=query.limit,
            cursor=query.cursor,
        )
        return Page(items=[view(record) for record in records], nextCursor=cursor)

    @endpoint(
        role=Role.OPERATOR,
        summary="Whitelist a charge point",
        body=NewChargePoint,
        returns=ChargePointView,
        status=201,
        errors=(409,),
        by_station=True,
    )
    async def post(self, body: NewChargePoint) -> ChargePointView:
        require_station(self.token, body.stationName)
        await require_no_past(self.token, self.services.database, body.id)
        record = await self.services.whitelisting.create(body)
        self.set_header("Location", f"/admin/charge-points/{quote(record['_id'], safe='')}")
        return view(record)


class ChargePointHandler(ApiHandler):
    """One charge point."""

    @endpoint(role=Role.VIEWER, summary="One charge point", returns=ChargePointView, errors=(404,))
    async def get(self, charge_point_id: str) -> ChargePointView:
        return view(await self.services.deps.charge_points.get(charge_point_id))

    @endpoint(
        role=Role.OPERATOR,
        summary="Change a charge point; un-whitelisting closes its socket",
        body=ChargePointPatch,
        returns=ChargePointView,
        errors=(404, 409),
    )
    async def patch(self, charge_point_id: str, body: ChargePointPatch) -> ChargePointView:
        if "stationName" in body.model_fields_set:
            require_station(self.token, body.stationName)
        return view(await self.services.whitelisting.change(charge_point_id, body))

    @endpoint(
        role=Role.OPERATOR,
        summary="Delete a charge point; closes its socket",
        status=204,
        errors=(404,),
    )
    async def delete(self, charge_point_id: str) -> None:
        await self.services.whitelisting.delete(charge_point_id)


class ResetProtocolTroubleHandler(ApiHandler):
    """The counters of a charge point's departures from OCPP."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Count protocol trouble and quirks anew, from nothing",
        returns=ChargePointView,
        errors=(404,),
    )
    async def post(self, charge_point_id: str) -> ChargePointView:
        deps = self.services.deps
        # What was noted and is not stored yet is of before.
        deps.held.forget_signs(charge_point_id)
        return view(await deps.charge_points.forget_trouble(charge_point_id, deps.clock()))


class ConnectorHandler(ApiHandler):
    """One connector."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Set a connector's type, where its vendor does not say",
        body=ConnectorPatch,
        returns=ChargePointView,
        errors=(404,),
    )
    async def patch(
        self, charge_point_id: str, connector_id: str, body: ConnectorPatch
    ) -> ChargePointView:
        if not (connector_id.isascii() and connector_id.isdecimal()) or len(connector_id) > 3:
            raise NotFound(f"connector of {charge_point_id}", connector_id)
        record = await self.services.whitelisting.set_connector_type(
            charge_point_id, int(connector_id), body.type
        )
        return view(record)
