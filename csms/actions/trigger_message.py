"""TriggerMessage (OCPP 1.6, 5.17)."""

from __future__ import annotations

from csms.actions.context import Outbound

OUTBOUND = Outbound("TriggerMessage", before_boot=True)
