"""Alarms about who is on a socket: an identity that two devices claim, and one not shown at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csms.actions.context import Deps
from csms.domain.alarm import Alarm, AlarmKind
from csms.domain.as_sent import as_sent
from csms.domain.identity_proof import SERIAL_NOT_SHOWN, Evidence


def claimed_twice(
    deps: Deps,
    charge_point_id: str,
    evidence: Evidence,
    addresses: tuple[str | None, str | None],
    **facts: tuple[str | None, str | None],
) -> None:
    """Raise the alarm that two devices claim one identity.

    Of each pair the first is of the device that was there before, the other of the newcomer.
    """
    named = {"address": addresses, **facts}
    pairs = [("evidence", evidence.value)]
    for name, (before, newcomer) in named.items():
        other = f"other{name[0].upper()}{name[1:]}"
        pairs += [(name, _shown(before)), (other, _shown(newcomer))]
    alarm = Alarm(AlarmKind.IDENTITY_CLAIMED_TWICE, charge_point_id, charge_point_id, tuple(pairs))
    deps.alarms.note(alarm)


def _shown(text: str | None) -> str:
    return str(as_sent(text)) if text else "-"


def flag_of(record: Mapping[str, Any], *, is_shown: bool) -> tuple[str, bool] | None:
    """The flag to raise or lower, as `HeldRecords.set_fields` takes it; None if it is right."""
    is_flagged = SERIAL_NOT_SHOWN in (record.get("flags") or ())
    return None if is_flagged is not is_shown else (SERIAL_NOT_SHOWN, not is_shown)


def not_shown(deps: Deps, record: Mapping[str, Any], address: str) -> None:
    """Raise the alarm for a charge point that booted with neither a serial nor a credential.

    Not where ops entered a serial, for it is compared as soon as the charge point reports one.
    """
    if not record.get("serialNumber"):
        facts = (("address", address),)
        deps.alarms.note(Alarm(AlarmKind.SERIAL_NOT_SHOWN, record["_id"], record["_id"], facts))


def shown(deps: Deps, record: Mapping[str, Any]) -> None:
    """Close the alarm, now that the charge point has shown a serial or a credential."""
    if SERIAL_NOT_SHOWN in (record.get("flags") or ()):
        deps.alarms.close(AlarmKind.SERIAL_NOT_SHOWN, record["_id"])
