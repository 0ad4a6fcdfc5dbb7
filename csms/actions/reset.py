"""Reset (OCPP 1.6, 5.14)."""

from __future__ import annotations

from csms.actions.context import Outbound

OUTBOUND = Outbound("Reset", before_boot=True, restarts=True)
