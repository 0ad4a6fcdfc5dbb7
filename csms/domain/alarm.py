"""Alarms: what an operator has to look at, with its severity and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How soon somebody should look."""

    CRITICAL = "critical"
    WARNING = "warning"


class AlarmKind(StrEnum):
    """What an alarm is about; `ALARM_TEXTS` has a title and a remedy for each."""

    IDENTITY_CLAIMED_TWICE = "identityClaimedTwice"
    SERIAL_NOT_SHOWN = "serialNotShown"
    TOO_MUCH_DATA = "tooMuchData"
    CERTIFICATE_REQUESTS = "certificateRequests"
    NODE_CLOCK = "nodeClock"
    WORKER_FROZEN = "workerFrozen"
    OPEN_FILES = "openFiles"
    SIGN_IN_GUESSING = "signInGuessing"
    ID_TAG_GUESSING = "idTagGuessing"


@dataclass(frozen=True, slots=True)
class AlarmText:
    """What people read of a kind of alarm; pages translate it."""

    severity: Severity
    title: str
    remedy: str


ALARM_TEXTS: Mapping[AlarmKind, AlarmText] = {
    AlarmKind.IDENTITY_CLAIMED_TWICE: AlarmText(
        Severity.CRITICAL,
        "Two devices claim one identity",
        "Find out which address is the charge point, then give it an authorization key or a"
        " client certificate.",
    ),
    AlarmKind.SERIAL_NOT_SHOWN: AlarmText(
        Severity.WARNING,
        "Accepted without a serial number or a password",
        "Enter the serial number of this charge point if it tells one, or give it an authorization"
        " key.",
    ),
    AlarmKind.TOO_MUCH_DATA: AlarmText(
        Severity.WARNING,
        "Sends more data than its bound",
        "Lengthen its MeterValueSampleInterval, or raise the bound on bytes an hour.",
    ),
    AlarmKind.CERTIFICATE_REQUESTS: AlarmText(
        Severity.WARNING,
        "Asks for certificates too often",
        "Look into the log of the charge point: it may not be able to install what it was sent.",
    ),
    AlarmKind.NODE_CLOCK: AlarmText(
        Severity.CRITICAL,
        "The clock of a node is off",
        "Turn on time synchronisation (NTP) on that machine.",
    ),
    AlarmKind.WORKER_FROZEN: AlarmText(
        Severity.CRITICAL,
        "A worker did not answer and was replaced",
        "Look into the log of that time, and at the memory and the load of the machine.",
    ),
    AlarmKind.OPEN_FILES: AlarmText(
        Severity.CRITICAL,
        "The limit of open files is reached",
        "Raise it (LimitNOFILE, ulimit -n), or add a node.",
    ),
    AlarmKind.SIGN_IN_GUESSING: AlarmText(
        Severity.WARNING,
        "Somebody guesses passwords or tokens",
        "Block the address, or keep the admin pages out of the public network.",
    ),
    AlarmKind.ID_TAG_GUESSING: AlarmText(
        Severity.WARNING,
        "A charge point tries many id tags that are not on record",
        "See who uses it. If nobody is there, give it a new authorization key: somebody may play"
        " it.",
    ),
}


ABOUT_CHARGE_POINTS = (
    AlarmKind.IDENTITY_CLAIMED_TWICE,
    AlarmKind.SERIAL_NOT_SHOWN,
    AlarmKind.TOO_MUCH_DATA,
    AlarmKind.CERTIFICATE_REQUESTS,
)
"""Kinds whose subject is a charge point: they end when it is deleted."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One reason to look. While an alarm of this kind and subject is open, it is counted there."""

    kind: AlarmKind
    subject: str
    """What it is about: the id of a charge point or a node, an account, an address."""
    charge_point_id: str | None = None
    facts: tuple[tuple[str, str], ...] = ()
    """Names and values that help to find the cause, such as both addresses; never a secret."""

    @property
    def key(self) -> str:
        """What makes two alarms the same while one is open."""
        return f"{self.kind}:{self.subject}"
