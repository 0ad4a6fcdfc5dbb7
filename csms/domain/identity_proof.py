"""What shows that the device on a socket is the charge point on record, and what speaks against it.

It has shown who it is with a credential (a password, a client certificate), or with the serial that
ops entered. Where a record asks for neither, two devices may claim one identity: these rules tell
when that is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from csms.domain.charge_point import SHOWN_SERIAL, fold_serial, has_shown_serial
from csms.domain.text import fold_text

BOOT_WITHOUT_SERIAL = "mayBootWithoutSerial"
"""The record's field for an operator's permission to boot without the serial shown before."""

SERIAL_NOT_SHOWN = "serialNotShown"
"""The flag of a record whose charge point has booted with neither a serial nor a credential."""

REPLACED_SESSIONS = "replacedSessions"
"""The record's field for the latest sessions that were replaced from another address."""

COMES_BACK_WITHIN = timedelta(seconds=60)
"""Who is back so soon after its session was replaced has not moved: it is another device."""

ALTERNATIONS = 3
"""So many replacements in a row, to and fro between two addresses, are those of two devices."""


class Evidence(StrEnum):
    """Why two devices seem to claim one identity; kept in the alarm."""

    BOTH_ALIVE = "bothAlive"
    BACK_AND_FORTH = "backAndForth"
    OTHER_SERIAL = "otherSerial"
    OTHER_MODEL = "otherModel"
    WRONG_SERIAL = "wrongSerial"


def requires_credentials(record: Mapping[str, Any], by_default: bool) -> bool:
    """Whether a charge point has to show a credential even where its record is bare."""
    own = record.get("requireCredentials")
    return by_default if own is None else own is True


def lacks_serial(record: Mapping[str, Any], serial: str | None, authenticated: bool) -> bool:
    """Whether a boot is to be rejected because it does not say the serial that was shown before."""
    if authenticated or fold_serial(serial) or record.get(BOOT_WITHOUT_SERIAL) is True:
        return False
    return has_shown_serial(record)


def other_device(
    record: Mapping[str, Any], serial: str | None, vendor: str | None, model: str | None
) -> Evidence | None:
    """Whether a boot without credentials is that of another device than the boot before it."""
    before = fold_serial(record.get(SHOWN_SERIAL) or record.get("reportedSerialNumber"))
    # With a serial on record, another one is rejected; one that ops have corrected is no evidence.
    if not fold_serial(record.get("serialNumber")) and before and fold_serial(serial):
        if fold_serial(serial) != before:
            return Evidence.OTHER_SERIAL
    # One of the two alone changes with firmware.
    if _differ(record.get("vendor"), vendor) and _differ(record.get("model"), model):
        return Evidence.OTHER_MODEL
    return None


def _differ(before: str | None, now: str | None) -> bool:
    return bool(before and now) and fold_text(before or "") != fold_text(now or "")


def replaced_sessions(
    record: Mapping[str, Any], before: str, after: str, now: datetime
) -> list[dict[str, Any]]:
    """The replacements that are on record, and one more: from one address by another."""
    known = list(record.get(REPLACED_SESSIONS) or ())
    return [*known, {"from": before, "to": after, "at": now}][-ALTERNATIONS:]


def go_back_and_forth(sessions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two addresses keep replacing each other.

    A charge point that moves to another address does not come back from the old one, and one with
    two uplinks not so soon and so often.
    """
    if len(sessions) < ALTERNATIONS:
        return False
    latest = sessions[-ALTERNATIONS:]
    return all(
        one["from"] == other["to"]
        and one["to"] == other["from"]
        and other["at"] - one["at"] <= COMES_BACK_WITHIN
        for one, other in zip(latest, latest[1:], strict=False)
    )
