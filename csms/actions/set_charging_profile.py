"""SetChargingProfile (OCPP 1.6, 5.16)."""

from __future__ import annotations

from csms.actions.context import Deps, Outbound
from csms.domain.charging_profile import document, profile_errors
from csms.errors import FieldError
from csms.ocppj.frames import Payload


def check(payload: Payload) -> list[FieldError]:
    """Refuse a profile that breaks the rules of its purpose, kind or schedule."""
    return profile_errors(
        payload["csChargingProfiles"], payload["connectorId"], "csChargingProfiles."
    )


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep what the charge point has accepted."""
    if answer.get("status") == "Accepted":
        profile = payload["csChargingProfiles"]
        await deps.charging_profiles.put(
            document(charge_point_id, payload["connectorId"], profile, deps.clock())
        )


OUTBOUND = Outbound("SetChargingProfile", check=check, after=after)
