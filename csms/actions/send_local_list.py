"""SendLocalList (OCPP 1.6, 5.15)."""

from __future__ import annotations

from csms.actions.checks import time_error
from csms.actions.context import Deps, Outbound
from csms.errors import FieldError
from csms.ocppj.frames import Payload


def check(payload: Payload) -> list[FieldError]:
    """Refuse expiry dates that are no times."""
    return [
        error
        for index, entry in enumerate(payload.get("localAuthorizationList") or ())
        for error in time_error(
            entry.get("idTagInfo", {}), "expiryDate", f"localAuthorizationList.{index}.idTagInfo."
        )
    ]


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep the list that the charge point has now."""
    if answer.get("status") == "Accepted":
        await deps.local_lists.apply(charge_point_id, payload, deps.clock())


OUTBOUND = Outbound("SendLocalList", check=check, after=after)
