"""Boots that try serials at a record: who tells the right one is taken for the charge point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csms.actions.context import Context
from csms.domain.alarm import Alarm, AlarmKind
from csms.domain.charge_point import fold_serial
from csms.domain.limiter import Limit, network_of

MINUTE = 60.0
_ONE = Limit("wrongSerial", 0, MINUTE)


SHOWN_FROM = "serialShownFrom"
"""The record's field for the address from which the serial on record was told last."""


def guesses_too_often(context: Context, record: Mapping[str, Any]) -> bool:
    """Whether so many serials were tried at this record, from this network, that none is heard.

    Who has shown a credential is always heard, and so is who comes from where the charge point has
    told the serial last: another device there must not lock it out.
    """
    network, known = network_of(context.peer.remote_address), record.get(SHOWN_FROM)
    if context.peer.authenticated or (known is not None and network == network_of(known)):
        return False
    return context.deps.limiter.wait(_limit(context), _visitor(context)) > 0


def note_wrong_serial(context: Context, serial: str | None) -> None:
    """Count a serial that is not the one on record; the same one again is no guess."""
    if context.peer.authenticated:
        return
    limiter, visitor, limit = context.deps.limiter, _visitor(context), _limit(context)
    if limiter.count(_ONE, f"{visitor}\n{fold_serial(serial)}").count > 1:
        return
    if limiter.count(limit, visitor).count == limit.most:
        _raise_alarm(context)


def _raise_alarm(context: Context) -> None:
    network, peer = network_of(context.peer.remote_address), context.peer
    facts = (("address", peer.remote_address), ("identity", peer.identity))
    alarm = Alarm(AlarmKind.SIGN_IN_GUESSING, network, peer.charge_point_id, facts)
    context.deps.alarms.note(alarm)


def _limit(context: Context) -> Limit:
    return Limit("wrongSerials", context.deps.settings.max_failed_attempts, MINUTE)


def _visitor(context: Context) -> str:
    return f"{network_of(context.peer.remote_address)}\n{context.charge_point_id}"
