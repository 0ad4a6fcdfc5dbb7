"""`/admin/reservations`: made and cancelled by the commands ReserveNow and CancelReservation."""

from __future__ import annotations

from typing import Any

from csms.domain.api_token import Role
from csms.domain.reservation import ReservationStatus, ReservationView
from csms.repositories.pages import Page, find_page
from csms.web.api.base import ApiHandler, PageQuery, endpoint
from csms.web.api.readings import Id, Integer


class ReservationQuery(PageQuery):
    """Which reservations."""

    chargePointId: Id | None = None
    reservationId: Integer | None = None
    status: ReservationStatus | None = None


class ReservationsHandler(ApiHandler):
    """All reservations."""

    @endpoint(
        role=Role.VIEWER,
        summary="Reservations with what became of them, newest first",
        query=ReservationQuery,
        returns=Page[ReservationView],
    )
    async def get(self, query: ReservationQuery) -> Page[ReservationView]:
        reservations = self.services.deps.reservations
        await reservations.expire(self.services.deps.clock())
        found: dict[str, Any] = query.model_dump(
            include={"chargePointId", "reservationId", "status"}, exclude_none=True
        )
        documents, cursor = await find_page(
            reservations.collection,
            found,
            sort_field="createdAt",
            order="desc",
            limit=query.limit,
            cursor=query.cursor,
        )
        items = [ReservationView.model_validate(document) for document in documents]
        return Page(items=items, nextCursor=cursor)
