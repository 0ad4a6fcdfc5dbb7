"""Times as charge points write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.times import read_device_time, rfc3339

RECEIVED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "raw",
    [
        "2026-11-23T12:00:00Z", "2026-11-23T12:00:00", "2026-11-23 12:00:00z",
        "2026-11-23t12:00:00z",
        "2026-11-23T14:00:00+02", "2026-11-23T14:00:00+0200", "2026-11-23T14:00:00+02:00",
        "2026-11-23T06:30:00-05:30", "2026-11-23T12:00:00.0000000Z", "2026-11-23T12:00Z",
        "2026-11-23T12:00:00,000Z", " 2026-11-23T12:00:00Z ", "1795435200", "1795435200000",
        "1795435200.0",
    ],
)  # fmt: skip
def test_ways_to_write_the_same_time(raw: str) -> None:
    read = read_device_time(raw, RECEIVED)
    assert (read.time, read.flags) == (RECEIVED, ())


def test_fractions_are_kept() -> None:
    read = read_device_time("2026-11-23T12:00:00.1234567Z", RECEIVED)
    assert read.time == RECEIVED + timedelta(microseconds=123456)


@pytest.mark.parametrize(
    "raw", ["", "x", None, 5, "12026-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-23",
            "0001-01-01T00:00:00+07:00", "99999999999999"],
)  # fmt: skip
def test_what_cannot_be_read_is_replaced_and_flagged(raw: object) -> None:
    read = read_device_time(raw, RECEIVED)
    assert (read.time, read.flags) == (RECEIVED, ("unreadableTimestamp",))


CONNECTED = RECEIVED - timedelta(hours=1)


@pytest.mark.parametrize(
    ("raw", "flags", "usable"),
    [
        ("2026-11-23T12:05:00Z", (), True),
        ("2026-11-23T12:05:01Z", ("clockSkew",), False),
        ("2036-11-23T12:00:00Z", ("clockSkew",), False),
        ("2026-11-23T11:55:00Z", (), True),
        ("2026-11-23T11:54:59Z", ("clockSkew",), True),
        ("2026-11-23T11:00:00Z", ("clockSkew",), True),
        ("2026-11-23T10:59:59Z", ("late",), True),
        ("2020-01-01T00:00:00Z", ("late",), True),
        ("2019-12-31T23:59:59Z", ("clockSkew",), False),
        ("1970-01-01T00:00:00Z", ("clockSkew",), False),
        ("0000-00-00T00:00:00.000Z", ("unreadableTimestamp",), False),
        (None, ("unreadableTimestamp",), False),
    ],
)
def test_more_than_five_minutes_off_is_flagged(
    raw: str, flags: tuple[str, ...], usable: bool
) -> None:
    read = read_device_time(raw, RECEIVED, CONNECTED)
    assert (read.flags, read.usable) == (flags, usable)
    assert read.or_receipt(RECEIVED) == (read.time if usable else RECEIVED)


def test_what_is_not_older_than_five_minutes_is_not_late() -> None:
    just_now = RECEIVED - timedelta(minutes=1)
    assert read_device_time("2026-11-23T11:56:00Z", RECEIVED, just_now).flags == ()
    assert read_device_time("2026-11-23T11:54:00Z", RECEIVED, just_now).flags == ("late",)


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d{4})?"))
def test_nothing_is_raised(raw: str) -> None:
    assert read_device_time(raw, RECEIVED).time.tzinfo is UTC


def test_rfc3339() -> None:
    assert rfc3339(RECEIVED) == "2026-11-23T12:00:00.000Z"
