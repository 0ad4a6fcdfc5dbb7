"""SetChargingProfile (OCPP 1.6, 5.16)."""

from __future__ import annotations

from csms.actions.checks import profile_errors
from csms.actions.context import Deps, Outbound
from csms.domain.charging_profile import document
from csms.errors import FieldError
from csms.ocppj.frames import Payload


def check(payload: Payload) -> list[FieldError]:
    """Refuse times that are none."""
    return profile_errors(payload["csChargingProfiles"], "csChargingProfiles.")


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep what the charge point has accepted."""
    if answer.get("status") == "Accepted":
        profile = payload["csChargingProfiles"]
        await deps.charging_profiles.put(
            document(charge_point_id, payload["connectorId"], profile, deps.clock())
        )


OUTBOUND = Outbound("SetChargingProfile", check=check, after=after)
