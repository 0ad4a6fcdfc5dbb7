"""Checks of outbound payloads that the schemas leave out, for actions that share them.

What a charge point can judge is left to it. These are mistakes that it could not even read, such
as a text that is no time, where the schema only says that it is a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csms.domain.certificate import certificate_fault
from csms.domain.times import is_rfc3339
from csms.errors import FieldError


def time_error(payload: Mapping[str, Any], name: str, path: str = "") -> list[FieldError]:
    """A mistake if the field `name` is there and is no time; `path` is where the payload is."""
    if name not in payload or is_rfc3339(payload[name]):
        return []
    return [FieldError(f"{path}{name}", "must be a time such as 2026-01-31T12:00:00Z")]


def certificate_error(payload: Mapping[str, Any], name: str) -> list[FieldError]:
    """A mistake if the field `name` holds a PEM certificate that cannot be read."""
    fault = certificate_fault(str(payload.get(name, "")))
    if fault is None:
        return []
    message = f"is no X.509 certificate that can be read ({fault}); make it anew"
    return [FieldError(name, message)]


def profile_errors(profile: Mapping[str, Any], path: str) -> list[FieldError]:
    """Mistakes in the times of a charging profile; `path` is where the profile is, with a dot."""
    return [
        *time_error(profile, "validFrom", path),
        *time_error(profile, "validTo", path),
        *time_error(profile["chargingSchedule"], "startSchedule", f"{path}chargingSchedule."),
    ]
