"""SendLocalList (OCPP 1.6, 5.15)."""

from __future__ import annotations

from csms.actions.checks import time_error
from csms.actions.context import Deps, Outbound
from csms.errors import FieldError
from csms.ocppj.frames import Payload


def check(payload: Payload) -> list[FieldError]:
    """Refuse what no charge point can take for a list."""
    errors = []
    if payload["listVersion"] <= 0:
        errors.append(FieldError("listVersion", "must be 1 or more; 0 and -1 mean no list"))
    seen = set()
    for index, entry in enumerate(payload.get("localAuthorizationList") or ()):
        path = f"localAuthorizationList.{index}"
        if payload["updateType"] == "Full" and "idTagInfo" not in entry:
            errors.append(FieldError(f"{path}.idTagInfo", "is required in a full list"))
        if entry["idTag"].casefold() in seen:
            errors.append(FieldError(f"{path}.idTag", "is in the list already"))
        seen.add(entry["idTag"].casefold())
        errors += time_error(entry.get("idTagInfo", {}), "expiryDate", f"{path}.idTagInfo.")
    return errors


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep the list that the charge point has now."""
    if answer.get("status") == "Accepted":
        await deps.local_lists.apply(charge_point_id, payload, deps.clock())


OUTBOUND = Outbound("SendLocalList", check=check, after=after)
