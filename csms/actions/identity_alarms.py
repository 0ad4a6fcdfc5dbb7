"""Alarms about who is on a socket: an identity that two devices claim, and one not shown at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csms.actions.context import Deps
from csms.domain.alarm import Alarm, AlarmKind
from csms.domain.as_sent import as_sent
from csms.domain.hold import Hold
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
    told = [("evidence", evidence.value)]
    for name, (before, newcomer) in named.items():
        other = f"other{name[0].upper()}{name[1:]}"
        told += [(name, _shown(before)), (other, _shown(newcomer))]
    alarm = Alarm(AlarmKind.IDENTITY_CLAIMED_TWICE, charge_point_id, charge_point_id, tuple(told))
    deps.alarms.note(alarm)


def _shown(text: str | None) -> str:
    return str(as_sent(text)) if text else "-"


async def not_shown(deps: Deps, hold: Hold, record: Mapping[str, Any], address: str) -> None:
    """Flag a charge point that booted with neither a serial nor a credential.

    Where ops entered a serial it can be compared as soon as it is told; where they did not, nothing
    protects the record, and the alarm is raised.
    """
    # The flag first, and below too: a session that was lost raises and closes no alarm.
    if SERIAL_NOT_SHOWN not in (record.get("flags") or ()):
        await deps.held.set_flag(hold, SERIAL_NOT_SHOWN, True)
    if not record.get("serialNumber"):
        facts = (("address", address),)
        deps.alarms.note(Alarm(AlarmKind.SERIAL_NOT_SHOWN, record["_id"], record["_id"], facts))


async def shown(deps: Deps, hold: Hold, record: Mapping[str, Any]) -> None:
    """Take flag and alarm back, now that the charge point has shown a serial or a credential."""
    if SERIAL_NOT_SHOWN in (record.get("flags") or ()):
        await deps.held.set_flag(hold, SERIAL_NOT_SHOWN, False)
        deps.alarms.close(AlarmKind.SERIAL_NOT_SHOWN, record["_id"])
