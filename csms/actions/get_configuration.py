"""GetConfiguration (OCPP 1.6, 5.8)."""

from __future__ import annotations

from csms.actions.context import Outbound
from csms.domain.configuration import MASK, is_secret
from csms.ocppj.frames import Payload


def mask_response(answer: Payload) -> Payload:
    """Hide the values that are secrets: some charge points do tell them."""
    entries = answer.get("configurationKey")
    if not isinstance(entries, list):
        return answer
    return {**answer, "configurationKey": [_masked(entry) for entry in entries]}


def _masked(entry: Payload) -> Payload:
    if isinstance(entry, dict) and entry.get("value") and is_secret(str(entry.get("key"))):
        return {**entry, "value": MASK}
    return entry


OUTBOUND = Outbound("GetConfiguration", mask_response=mask_response)
