"""RemoteStartTransaction (OCPP 1.6, 5.11). Its transaction is found when it starts."""

from __future__ import annotations

from csms.actions.checks import profile_errors
from csms.actions.context import Deps, Outbound
from csms.domain.charging_profile import document
from csms.errors import FieldError
from csms.ocppj.frames import Payload


def check(payload: Payload) -> list[FieldError]:
    """Refuse times that are none in the profile that comes along."""
    if "chargingProfile" not in payload:
        return []
    return profile_errors(payload["chargingProfile"], "chargingProfile.")


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep the profile that came along; its transaction is linked when it starts."""
    if answer.get("status") == "Accepted" and "chargingProfile" in payload:
        connector_id, profile = payload.get("connectorId"), payload["chargingProfile"]
        await deps.charging_profiles.put(
            document(charge_point_id, connector_id, profile, deps.clock())
        )


OUTBOUND = Outbound("RemoteStartTransaction", check=check, after=after)
