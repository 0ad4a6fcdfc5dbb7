"""ClearChargingProfile (OCPP 1.6, 5.5)."""

from __future__ import annotations

from csms.actions.context import Deps, Outbound
from csms.ocppj.frames import Payload


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Forget what the charge point has cleared."""
    if answer.get("status") == "Accepted":
        await deps.charging_profiles.clear(charge_point_id, payload)


OUTBOUND = Outbound("ClearChargingProfile", after=after)
