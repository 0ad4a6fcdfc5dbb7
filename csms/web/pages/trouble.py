"""Protocol trouble in words: what a charge point does otherwise than OCPP, and what to do about it.

All texts are to be translated; {0}, ... stand for the values beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from csms.domain import protocol_trouble
from csms.domain.protocol_trouble import ProtocolTrouble
from csms.ocppj.quirks import QUIRKS
from csms.ocppj.schemas import REQUEST_ACTIONS

UNKNOWN_ACTION = "An unknown Action"
REFUSED = "{0} is refused: {1}"
REFUSED_BY_REASON: Mapping[str, str] = {
    "TypeConstraintViolation": (
        "Tell the vendor: a field of {0} has another type than OCPP 1.6 says, or is longer."
    ),
    "OccurenceConstraintViolation": (
        "Tell the vendor: a field that OCPP 1.6 requires is missing from {0}."
    ),
    "PropertyConstraintViolation": (
        "Tell the vendor: a field of {0} has a value that OCPP 1.6 does not allow."
    ),
    "FormationViolation": "Tell the vendor: {0} is not built as OCPP 1.6 says.",
    "NotSupported": "Tell the vendor: {0} is for the central system to send.",
    "NotImplemented": (
        "Tell the vendor: OCPP 1.6 has no such message. The messages below show which it is."
    ),
    "SecurityError": (
        "Tell the vendor: a charge point sends nothing but BootNotification until one is accepted"
        " (OCPP 1.6, 4.2). Trigger a BootNotification, or restart the charge point."
    ),
    protocol_trouble.OCPP201_SHAPED: (
        "It sends the messages of OCPP 2.0.1 on a connection for OCPP 1.6. Set the charge point to"
        " OCPP 1.6 JSON; where it has no such setting, ask the vendor for it."
    ),
}
REFUSED_OTHERWISE = "Tell the vendor, with the messages below that failed."

UNREADABLE = "Unreadable messages"
UNREADABLE_ADVICE = (
    "Tell the vendor: what it sends is no JSON, or no message of OCPP-J. The messages below show"
    " what came."
)

CLOSED = "Connection closed by csms: {0}"
CLOSED_BY_REASON: Mapping[str, str] = {
    "Too many unreadable messages": (
        "Tell the vendor: so many messages could not be read that the connection was closed."
    ),
    "Replaced by a new connection": (
        "It connected anew while the old connection was still open. That is how a network failure"
        " looks; if it goes on, see whether two devices use this identity."
    ),
}
CLOSED_OTHERWISE = (
    "Once or twice means little. If it goes on, check its network, then tell the vendor the reason."
)

SKEWED_CLOCK = "Its clock is wrong"
SKEWED_CLOCK_ADVICE = (
    "Tell the vendor: the clock is to be set by currentTime, which the answers to BootNotification"
    " and Heartbeat carry (OCPP 1.6, 4.2 and 4.6). Times of its transactions are kept as sent."
)

LEFT_BEHIND = "Transactions without an end"
LEFT_BEHIND_ADVICE = (
    "Tell the vendor: a transaction that ends while the charge point is off or off line needs its"
    " StopTransaction too, sent when it is back (OCPP 1.6, 4.10)."
)


@dataclass(frozen=True)
class Finding:
    """One kind of trouble. `messages` and `transactions` filter the lists that show it."""

    what: str
    values: tuple[str, ...]
    times: int
    advice: str
    messages: Mapping[str, str] = field(default_factory=dict)
    transactions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Deviation:
    """A tolerated deviation: its name, how often it was seen, and what the table of quirks says."""

    name: str
    times: int
    tolerated: str
    handled: str


def findings(trouble: ProtocolTrouble) -> Iterator[Finding]:
    """The kinds of trouble that a charge point makes, refused messages first."""
    for refused in trouble.refusedCalls:
        advice = REFUSED_BY_REASON.get(refused.reason, REFUSED_OTHERWISE)
        is_known = refused.action in REQUEST_ACTIONS
        failed = {"failed": "true"} | ({"action": refused.action} if is_known else {})
        values = (refused.action if is_known else UNKNOWN_ACTION, refused.reason)
        yield Finding(REFUSED, values, refused.count, advice, messages=failed)
    if trouble.unreadableFrames:
        failed = {"failed": "true"}
        yield Finding(UNREADABLE, (), trouble.unreadableFrames, UNREADABLE_ADVICE, messages=failed)
    for closes in trouble.closes:
        advice = CLOSED_BY_REASON.get(closes.reason, CLOSED_OTHERWISE)
        yield Finding(CLOSED, (closes.reason,), closes.count, advice)
    if trouble.skewedClock:
        flagged = {"flag": "clockSkew"}
        yield Finding(
            SKEWED_CLOCK, (), trouble.skewedClock, SKEWED_CLOCK_ADVICE, transactions=flagged
        )
    if trouble.leftBehind:
        flagged = {"flag": "leftBehind"}
        yield Finding(LEFT_BEHIND, (), trouble.leftBehind, LEFT_BEHIND_ADVICE, transactions=flagged)


def deviations(trouble: ProtocolTrouble) -> list[Deviation]:
    """The tolerated deviations of a charge point, the most frequent first."""
    known = {quirk.name: quirk for quirk in QUIRKS}
    found = []
    for name, times in sorted(trouble.quirks.items(), key=lambda item: (-item[1], item[0])):
        quirk = known.get(name)
        tolerated, handled = (quirk.tolerated, quirk.handled) if quirk else ("", "")
        found.append(Deviation(name, times, tolerated, handled))
    return found
