"""Configuration keys of charge points: what a GetConfiguration answer says, and what is secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from csms.domain.text import bare

AUTHORIZATION_KEY = "AuthorizationKey"
HEARTBEAT_INTERVAL = "HeartbeatInterval"
SECURITY_PROFILE = "SecurityProfile"
MASK = "********"

_SECRET = re.compile(r"authorizationkey|password|passwd|passphrase|secret|token|psk|pincode", re.I)


def is_secret(key: str) -> bool:
    """Whether the value of a configuration key must not be shown or recorded."""
    return _SECRET.search(key.replace("_", "").replace("-", "")) is not None


def configuration_values(answer: Mapping[str, Any]) -> dict[str, str]:
    """The values of a GetConfiguration.conf by folded key; entries without a value are left out."""
    entries = answer.get("configurationKey")
    values = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("value") not in (None, ""):
            values[bare(str(entry.get("key"))).casefold()] = bare(str(entry["value"]))
    return values
