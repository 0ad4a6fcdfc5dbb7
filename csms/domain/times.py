"""Times as charge points write them, and as we write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

MAX_SKEW = timedelta(minutes=5)

CLOCK_SKEW = "clockSkew"
"""The flag of a time that the charge point's clock cannot have been right at."""

LATE = "late"
"""The flag of a time that is older than the connection it came on."""

CLOCKS_ARE_SET_SINCE = datetime(2020, 1, 1, tzinfo=UTC)
"""An earlier time is that of a clock which was never set."""

_ISO = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[Tt ](?P<time>\d{2}:\d{2}(?::\d{2})?)(?:[.,](?P<fraction>\d+))?"
    r"\s*(?P<zone>Z|z|[+-]\d{2}(?::?\d{2})?)?"
)
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
# What nearly all send, read fast; a fraction of a second has three digits or six.
_USUAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?Z", re.ASCII)
_EPOCH = re.compile(r"\d{9,13}(\.\d+)?")


class DeviceTime(NamedTuple):
    """A time that a charge point sent: `time` is UTC, `flags` name what was wrong with it.

    `usable` is False where the charge point's clock says nothing about when it was.
    """

    time: datetime
    flags: tuple[str, ...] = ()
    usable: bool = True

    @property
    def tells_order(self) -> bool:
        """Whether it can be compared with other times of the charge point: its clock seems right.

        One that was never set, is fast, or was put back while the charge point was connected says
        nothing of what came first; there the order of arrival does.
        """
        return self.usable and CLOCK_SKEW not in self.flags

    def or_receipt(self, received_at: datetime) -> datetime:
        """The time where it is usable, else that of the receipt."""
        return self.time if self.usable else received_at


def read_device_time(
    raw: object, received_at: datetime, connected_at: datetime | None = None
) -> DeviceTime:
    """Read a charge point's timestamp, with whatever zone and fraction it has.

    A time without a zone is UTC. One that is missing or cannot be read is replaced by
    `received_at` and flagged `unreadableTimestamp`. One that is more than five minutes older than
    its receipt is flagged `late` if it is also older than the connection it came on, which was
    opened at `connected_at`: the charge point was off line then. Else it is flagged `clockSkew`,
    as is one more than five minutes ahead, or before 2020.
    """
    time = parse_time(raw)
    if time is None:
        return DeviceTime(received_at, ("unreadableTimestamp",), usable=False)
    if -MAX_SKEW <= time - received_at <= MAX_SKEW:
        return DeviceTime(time)
    if not is_usable(time, received_at):
        return DeviceTime(time, (CLOCK_SKEW,), usable=False)
    if connected_at is None or time < connected_at:
        return DeviceTime(time, (LATE,))
    return DeviceTime(time, (CLOCK_SKEW,))


def is_usable(time: datetime, received_at: datetime) -> bool:
    """Whether a charge point's clock may have been right when it gave this time."""
    return CLOCKS_ARE_SET_SINCE <= time <= received_at + MAX_SKEW


def is_rfc3339(raw: object) -> bool:
    """Whether a timestamp is written as OCPP-J 1.6 wants it: RFC 3339, with a zone."""
    return (
        isinstance(raw, str) and _RFC3339.fullmatch(raw) is not None and parse_time(raw) is not None
    )


def parse_time(raw: object) -> datetime | None:
    """A timestamp in UTC; None if it cannot be read."""
    if not isinstance(raw, str):
        return None
    text = raw.strip()
    try:
        if _USUAL.fullmatch(text):
            return datetime.fromisoformat(text)
        if iso := _ISO.fullmatch(text):
            return _from_iso(iso)
        if _EPOCH.fullmatch(text):
            seconds = float(text)
            # Thirteen digits are milliseconds: as seconds they would lie in the year 33,000.
            return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    except (ValueError, OverflowError):
        return None
    return None


def _from_iso(iso: re.Match[str]) -> datetime:
    day = datetime.fromisoformat(f"{iso['date']}T{iso['time']}")
    microseconds = int((iso["fraction"] or "0")[:6].ljust(6, "0"))
    return day.replace(microsecond=microseconds, tzinfo=_zone(iso["zone"])).astimezone(UTC)


def _zone(zone: str | None) -> timezone:
    if zone is None or zone in "Zz":
        return UTC
    digits = zone[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if zone[0] == "-" else offset)


def to_utc(time: datetime) -> datetime:
    """A time that ops gave, in UTC and in the milliseconds that are stored.

    Without a zone it is UTC already.

    Raises:
        ValueError: in UTC it lies outside of the years 1 to 9999.
    """
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    try:
        time = time.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie in the years 1 to 9999, in UTC too") from None
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def rfc3339(time: datetime) -> str:
    """UTC with milliseconds and `Z`, as OCPP and the REST interface write it."""
    if time.tzinfo is not UTC:
        time = time.astimezone(UTC)
    return time.isoformat(timespec="milliseconds")[:-6] + "Z"
