"""ChangeConfiguration (OCPP 1.6, 5.3), and with it the change of a charge point's own key."""

from __future__ import annotations

import re

from csms.actions.context import Deps, Outbound
from csms.domain.authorization_key import canonical_key
from csms.domain.configuration import (
    HEARTBEAT_INTERVAL,
    MASK,
    SECURITY_PROFILE,
    is_authorization_key,
    is_secret,
    may_be_authorization_key,
)
from csms.errors import FieldError
from csms.ocppj.frames import Payload

_INTERVAL = re.compile(r"[0-9]{1,9}")


def check(payload: Payload) -> list[FieldError]:
    """Refuse an AuthorizationKey that the charge point could never use (whitepaper, 2.3)."""
    if not _is_authorization_key(payload):
        return []
    try:
        canonical_key(payload["value"])
    except ValueError as error:
        return [FieldError("value", str(error))]
    return []


def mask_request(payload: Payload) -> Payload:
    """Hide the value if the key is a secret."""
    if is_secret(str(payload.get("key"))):
        return {**payload, "value": MASK}
    return payload


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep a new heartbeat interval; a new key or profile beside the old one until it is used."""
    if answer.get("status") not in ("Accepted", "RebootRequired"):
        return
    if _is_authorization_key(payload):
        reference = await deps.stored_keys.add(charge_point_id, payload["value"], deps.clock())
        before = await deps.charge_points.set_next_key(charge_point_id, reference)
        await deps.stored_keys.forget([{"nextAuthorizationKeyHash": before}])
    elif interval := _heartbeat_interval(payload):
        await deps.charge_points.set_by_ops(charge_point_id, {"heartbeatIntervalSec": interval})
    elif payload["key"].casefold() == SECURITY_PROFILE.casefold() and payload["value"] in (
        "0",
        "1",
        "2",
        "3",
    ):
        await deps.charge_points.set_by_ops(
            charge_point_id, {"nextSecurityProfile": int(payload["value"])}
        )


def _is_authorization_key(payload: Payload) -> bool:
    return is_authorization_key(str(payload.get("key")))


def _gives_credential(payload: Payload) -> bool:
    return may_be_authorization_key(str(payload.get("key")))


def _heartbeat_interval(payload: Payload) -> int | None:
    """The heartbeat interval that is set, seconds; None if this sets none, or turns it off."""
    if payload["key"].casefold() != HEARTBEAT_INTERVAL.casefold():
        return None
    value = payload["value"].strip()
    return int(value) or None if _INTERVAL.fullmatch(value) else None


OUTBOUND = Outbound(
    "ChangeConfiguration",
    check=check,
    mask_request=mask_request,
    after=after,
    gives_credential=_gives_credential,
)
