"""ChangeAvailability (OCPP 1.6, 5.2)."""

from __future__ import annotations

from csms.actions.context import Outbound

OUTBOUND = Outbound("ChangeAvailability")
