"""Security events (Security Whitepaper, edition 3): which are critical, and their record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from pydantic import BaseModel

from csms.domain.times import read_device_time

CRITICAL = frozenset(
    {
        "FirmwareUpdated",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "MemoryExhaustion",
        "TamperDetectionActivated",
    }
)
"""Types that the whitepaper's table of events marks as critical."""


class SecurityEventView(BaseModel):
    """One security event as REST shows it."""

    chargePointId: str
    chargePointIdentity: str
    type: str
    critical: bool
    timestamp: datetime
    receivedAt: datetime
    techInfo: str | None = None
    flags: list[str] = []


def security_event(
    charge_point_id: str,
    identity: str,
    payload: Mapping[str, Any],
    received_at: datetime,
    connected_at: datetime | None = None,
) -> dict[str, Any]:
    """The document of a SecurityEventNotification.req. Its `_id` is derived from the content."""
    time = read_device_time(payload.get("timestamp"), received_at, connected_at)
    content: list[Any] = [charge_point_id, payload]
    if "unreadableTimestamp" in time.flags:
        # Without a time of its own, an event that happens again looks like a retry: better twice.
        content.append(received_at.isoformat())
    key = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return {
        "_id": hashlib.blake2b(key, digest_size=16).hexdigest(),
        "chargePointId": charge_point_id,
        "chargePointIdentity": identity,
        "type": payload["type"],
        "critical": payload["type"] in CRITICAL,
        "timestamp": time.time,
        "receivedAt": received_at,
        "techInfo": payload.get("techInfo"),
        "flags": list(time.flags),
    }
