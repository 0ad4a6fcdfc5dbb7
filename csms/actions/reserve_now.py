"""ReserveNow (OCPP 1.6, 5.13)."""

from __future__ import annotations

from csms.actions.checks import time_error
from csms.actions.context import Deps, Outbound
from csms.domain.as_sent import status_in
from csms.domain.reservation import reservation
from csms.errors import FieldError
from csms.ocppj.frames import Payload


async def prepare(deps: Deps, charge_point_id: str, payload: Payload) -> Payload:
    """Give the reservation an id, if it has none."""
    if "reservationId" in payload:
        return payload
    return {**payload, "reservationId": await deps.reservations.next_id()}


def check(payload: Payload) -> list[FieldError]:
    """Refuse an expiry date that is no time."""
    return time_error(payload, "expiryDate")


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep the reservation with the charge point's answer to it."""
    tag = await deps.id_tags.find(payload["idTag"])
    parent = tag.get("parentIdTag") if tag else None
    status = status_in(answer)
    await deps.reservations.put(reservation(charge_point_id, payload, status, parent, deps.clock()))


OUTBOUND = Outbound("ReserveNow", prepare=prepare, check=check, after=after)
