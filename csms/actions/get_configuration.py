"""GetConfiguration (OCPP 1.6, 5.8)."""

from __future__ import annotations

from csms.actions.context import Outbound
from csms.domain.configuration import without_secrets

# Some charge points do tell their secrets.
OUTBOUND = Outbound("GetConfiguration", mask_response=without_secrets)
