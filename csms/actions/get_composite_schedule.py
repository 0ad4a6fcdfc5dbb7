"""GetCompositeSchedule (OCPP 1.6, 5.7)."""

from __future__ import annotations

from csms.actions.context import Outbound

OUTBOUND = Outbound("GetCompositeSchedule")
