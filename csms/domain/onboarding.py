"""How far a charge point has come from its whitelisting to its first charge, and what blocks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from csms.domain.charge_point import has_booted, reported_serial, serials_agree
from csms.domain.protocol_trouble import OCPP201_SHAPED, trouble_of
from csms.domain.unanswered import BOOT, CONFIGURATION, Unanswered

State = Literal["done", "waiting", "blocked", "skipped"]

REMEDIES: Mapping[str, str] = {
    "Not whitelisted": "Allow the charge point to connect: edit the record.",
    "Unauthorized": "Enter the charge point's authorization key here, or this one there.",
    "Certificate not valid": "Let it in with a password, and have it ask for a new certificate.",
    "Security profile too low": "Set the charge point to the security profile of the record.",
    "Too many failed attempts": "Correct the password in the charge point; it is heard again soon.",
    "Waits for confirmation": "Confirm it on the page Turned away.",
    "Unsupported sub-protocol": "Set the charge point to OCPP 1.6 JSON.",
    "Already connected": "Another device uses this identity. Give each its own.",
    "Serial mismatch": "Correct the serial of the record, or see which device uses this identity.",
    "Serial missing": (
        "It has told its serial number before, and does not now: it may be another device. If it is"
        " not, let it boot without."
    ),
    "Credentials required": "Give the charge point an authorization key or a client certificate.",
    "Invalid chargePointIdentity": "Correct the identity in the charge point's URL.",
    "Missing chargePointIdentity": "Add the identity to the end of the charge point's URL.",
    "Wrong path": (
        "Correct the charge point's central system URL: its path is /ocpp/1.6/ and then the"
        " identity."
    ),
    "Port of the admin pages": ("Set the port in the charge point's URL to that of charge points."),
    "Missing WebSocket upgrade headers": "Set the charge point to OCPP 1.6 JSON.",
}
"""What to do about a connection that was turned away for a reason."""

_TELL_THE_VENDOR = "See the refused BootNotification in the messages below, and tell the vendor."
REFUSED_BOOTS: Mapping[str, str] = {
    OCPP201_SHAPED: (
        "It sends the BootNotification of OCPP 2.0.1. Set the charge point to OCPP 1.6 JSON."
    ),
    "TypeConstraintViolation": _TELL_THE_VENDOR,
    "OccurenceConstraintViolation": _TELL_THE_VENDOR,
    "PropertyConstraintViolation": _TELL_THE_VENDOR,
    "FormationViolation": _TELL_THE_VENDOR,
}
"""What to do about a BootNotification that was answered with a CALLERROR for a reason."""


@dataclass(frozen=True)
class Step:
    """One step. `detail` and `remedy` are texts to translate; {0}, ... stand for `values`."""

    name: str
    state: State
    at: datetime | None = None
    detail: str = ""
    values: tuple[object, ...] = ()
    remedy: str = ""


def onboarding(
    record: Mapping[str, Any],
    last_boot: Mapping[str, Any] | None,
    rejection: Mapping[str, Any] | None,
) -> list[Step]:
    """The six steps. What comes behind the one that blocks is waiting, whatever it was before.

    `last_boot` is the charge point's latest BootNotification as stored, `rejection` the latest
    record of a connection with its identity that was turned away.
    """
    steps: list[Step] = []
    for step in _steps(record, last_boot, rejection):
        behind = any(earlier.state in ("blocked", "waiting") for earlier in steps)
        if behind and step.state == "blocked":
            step = replace(step, state="waiting", remedy="")
        steps.append(step)
    return steps


def _steps(
    record: Mapping[str, Any],
    last_boot: Mapping[str, Any] | None,
    rejection: Mapping[str, Any] | None,
) -> Iterator[Step]:
    yield _whitelisted(record)
    yield _connected(record, rejection)
    yield _booted(record, last_boot)
    yield _serial_checked(record, last_boot)
    yield _configuration_read(record)
    yield _connectors_synced(record)


def _whitelisted(record: Mapping[str, Any]) -> Step:
    if record.get("isWhitelisted") is False:
        return Step(
            "Whitelisted",
            "blocked",
            detail="The record exists, but it may not connect.",
            remedy=REMEDIES["Not whitelisted"],
        )
    return Step("Whitelisted", "done", record.get("createdAt"))


def _connected(record: Mapping[str, Any], rejection: Mapping[str, Any] | None) -> Step:
    if record.get("ocppSessionId"):
        return Step("Connected", "done", record.get("connectedAt"))
    left = record.get("disconnectedAt") or record.get("connectedAt")
    if rejection is not None and (left is None or rejection["lastSeen"] > left):
        return Step(
            "Connected",
            "blocked",
            rejection["lastSeen"],
            "It tried to connect from {0} and was turned away: {1}",
            (rejection.get("remoteAddress"), rejection["reason"]),
            REMEDIES.get(rejection["reason"], ""),
        )
    if left is not None:
        return Step(
            "Connected",
            "blocked",
            left,
            "It was connected, and is off line now.",
            remedy="Check its power and its network.",
        )
    remedy = "Set the charge point's central system URL to the one below."
    if not record.get("chargePointIdentity"):
        remedy = "Any identity will do: the first boot with this serial gives the record its own."
    return Step("Connected", "waiting", detail="It has not connected yet.", remedy=remedy)


def _refused_boot(record: Mapping[str, Any]) -> str | None:
    """Why BootNotifications of this charge point were answered with a CALLERROR, if they were."""
    for refused in trouble_of(record).refusedCalls:
        if refused.action == "BootNotification" and refused.reason in REFUSED_BOOTS:
            return refused.reason
    return None


def _booted(record: Mapping[str, Any], last_boot: Mapping[str, Any] | None) -> Step:
    booted = record.get("lastBootAt")
    if last_boot is not None and last_boot.get("verdict") == "Rejected":
        if booted is None or last_boot["receivedAt"] > booted:
            reason = last_boot.get("reason") or "Rejected"
            return Step(
                "Booted",
                "blocked",
                last_boot["receivedAt"],
                "Its BootNotification was rejected: {0}",
                (reason,),
                REMEDIES.get(reason, ""),
            )
    if booted is None and (reason := _refused_boot(record)):
        detail = "Its BootNotification is refused: {0}"
        return Step("Booted", "blocked", None, detail, (reason,), REFUSED_BOOTS[reason])
    if booted is not None:
        return Step("Booted", "done", booted)
    if waits_for_boot(record):
        return _connected_without_boot(Unanswered.read(record, BOOT))
    remedy = "Trigger a BootNotification, or restart the charge point."
    return Step("Booted", "waiting", detail="No BootNotification has come yet.", remedy=remedy)


def waits_for_boot(record: Mapping[str, Any]) -> bool:
    """Whether a charge point is connected, and nothing of it is served before it has booted."""
    return bool(record.get("ocppSessionId")) and not has_booted(record)


def _connected_without_boot(asked: Unanswered) -> Step:
    remedy = (
        "Trigger a BootNotification, or send a Reset. Other commands have to wait for the boot."
    )
    if asked.times == 0:
        detail = "It is connected, but has not sent its BootNotification."
        return Step("Booted", "waiting", detail=detail, remedy=remedy)
    detail = "It is connected, but sends no BootNotification. csms has asked for it ({0}×)."
    if asked.is_left_alone:
        detail = (
            "It is connected, but sends no BootNotification. csms has asked for it ({0}×), and"
            " asks no more."
        )
    return Step("Booted", "blocked", asked.last_at, detail, (asked.times,), remedy)


def _serial_checked(record: Mapping[str, Any], last_boot: Mapping[str, Any] | None) -> Step:
    name, on_record = "Serial checked", record.get("serialNumber")
    reported = record.get("reportedSerialNumber")
    if last_boot is not None and last_boot.get("verdict") == "Rejected":
        reported = reported_serial(dict(last_boot.get("payload") or {})) or reported
    if not serials_agree(on_record, reported):
        detail = "It reports the serial {0}; the record says {1}."
        remedy = REMEDIES["Serial mismatch"]
        return Step(name, "blocked", None, detail, (reported, on_record), remedy)
    if record.get("lastBootAt") is None:
        return Step(name, "waiting")
    if not on_record:
        return Step(name, "skipped", detail="There is no serial on record to compare with.")
    if not reported:
        return Step(name, "skipped", detail="The charge point does not tell its serial.")
    return Step(name, "done", record["lastBootAt"])


def _configuration_read(record: Mapping[str, Any]) -> Step:
    name, read = "Configuration read", record.get("configurationReadAt")
    asked = Unanswered.read(record, CONFIGURATION)
    if asked.is_left_alone:
        detail = "It did not answer GetConfiguration, asked {0} times, and is not asked again."
        remedy = "Refresh the connectors to ask again, or set their types by hand."
        return Step(name, "blocked", asked.last_at, detail, (asked.times,), remedy)
    if error := record.get("connectorSyncError"):
        detail = "It did not tell its configuration: {0}"
        remedy = "Refresh the connectors, or set their types by hand."
        return Step(name, "blocked", read, detail, (error,), remedy)
    told = any(one.get("typeSource") == "configuration" for one in record.get("connectors") or ())
    if read is not None or told:
        return Step(name, "done", read)
    if record.get("connectorSync") is False:
        return Step(name, "skipped", detail="It is not asked: the record says so.")
    return Step(name, "waiting")


def _connectors_synced(record: Mapping[str, Any]) -> Step:
    name, synced = "Connectors synced", record.get("connectorsSyncedAt")
    connectors = record.get("connectors") or []
    if synced is None and not connectors:
        if record.get("configurationReadAt") is None:
            return Step(name, "waiting")
        detail = "It does not tell how many connectors it has."
        remedy = "Enter the number of connectors in the record, then set their types."
        return Step(name, "blocked", None, detail, (), remedy)
    unknown = [
        str(connector["connectorId"])
        for connector in connectors
        if connector.get("type") in (None, "UNKNOWN")
    ]
    if unknown:
        detail = "The type of these connectors is not known: {0}"
        remedy = "Set the types of the connectors by hand."
        return Step(name, "blocked", synced, detail, (", ".join(unknown),), remedy)
    return Step(name, "done", synced, "{0} connectors", (len(connectors),))
