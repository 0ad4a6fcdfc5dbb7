"""RemoteStartTransaction (OCPP 1.6, 5.11). Its transaction is found when it starts."""

from __future__ import annotations

from csms.actions.context import Outbound
from csms.errors import FieldError
from csms.ocppj.frames import Payload


def check(payload: Payload) -> list[FieldError]:
    """Refuse connector 0: a transaction needs a real one (5.11)."""
    if payload.get("connectorId", 1) < 1:
        return [FieldError("connectorId", "must be 1 or more; leave it out to let any one start")]
    return []


OUTBOUND = Outbound("RemoteStartTransaction", check=check)
