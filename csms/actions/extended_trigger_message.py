"""ExtendedTriggerMessage (Security Whitepaper, 4.7)."""

from __future__ import annotations

from csms.actions.context import Outbound

OUTBOUND = Outbound("ExtendedTriggerMessage", before_boot=True)
