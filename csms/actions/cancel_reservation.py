"""CancelReservation (OCPP 1.6, 5.1)."""

from __future__ import annotations

from csms.actions.context import Deps, Outbound
from csms.ocppj.frames import Payload


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Note that the reservation is no more."""
    if answer.get("status") == "Accepted":
        await deps.reservations.cancel(charge_point_id, payload["reservationId"], deps.clock())


OUTBOUND = Outbound("CancelReservation", after=after)
