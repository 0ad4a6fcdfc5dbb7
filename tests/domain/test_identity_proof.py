"""What shows that a device is the charge point on record, and what speaks against it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.domain.charge_point import has_shown_serial, is_expected_serial
from csms.domain.identity_proof import (
    Evidence,
    go_back_and_forth,
    lacks_serial,
    other_device,
    replaced_sessions,
    requires_credentials,
)

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("own", "by_default", "required"),
    [(None, False, False), (None, True, True), (True, False, True), (False, True, False)],
)
def test_a_record_says_it_before_the_setting(own: Any, by_default: bool, required: bool) -> None:
    assert requires_credentials({"requireCredentials": own}, by_default) is required


@pytest.mark.parametrize(
    ("expected", "told", "fits"),
    [("SN-1", " sn-1 ", True), ("SN-1", "SN-2", False), ("SN-1", None, False), (None, None, False),
     ("", "", False)],
)  # fmt: skip
def test_no_serial_is_expected_where_ops_entered_none(
    expected: str | None, told: str | None, fits: bool
) -> None:
    record = {"serialNumber": expected}
    assert is_expected_serial(record, told) is fits
    assert has_shown_serial(record | {"shownSerialNumber": told}) is fits
    assert has_shown_serial(record | {"reportedSerialNumber": told}) is fits


SHOWN = {"serialNumber": "SN-1", "shownSerialNumber": "sn-1"}


@pytest.mark.parametrize(
    ("record", "serial", "authenticated", "lacks"),
    [
        (SHOWN, None, False, True),
        (SHOWN, " ", False, True),
        (SHOWN, "SN-1", False, False),
        (SHOWN, None, True, False),
        (SHOWN | {"mayBootWithoutSerial": True}, None, False, False),
        (SHOWN | {"mayBootWithoutSerial": False}, None, False, True),
        (SHOWN | {"serialNumber": "SN-2"}, None, False, False),
        (SHOWN | {"serialNumber": None}, None, False, False),
        ({"serialNumber": "SN-1"}, None, False, False),
    ],
)
def test_a_serial_that_was_shown_is_missed(
    record: dict[str, Any], serial: str | None, authenticated: bool, lacks: bool
) -> None:
    assert lacks_serial(record, serial, authenticated) is lacks


BEFORE = {"shownSerialNumber": "SN-1", "vendor": "Acme", "model": "One"}


@pytest.mark.parametrize(
    ("record", "told", "evidence"),
    [
        (BEFORE, ("SN-2", "Acme", "One"), Evidence.OTHER_SERIAL),
        (BEFORE, ("sn-1", "ACME", "one"), None),
        (BEFORE, (None, "Acme", "One"), None),
        (BEFORE, ("SN-1", "Acme", "Two"), None),
        (BEFORE, ("SN-1", "Other", "One"), None),
        (BEFORE, ("SN-1", "Other", "Two"), Evidence.OTHER_MODEL),
        (BEFORE, (None, "Other", "Two"), Evidence.OTHER_MODEL),
        (BEFORE, (None, None, None), None),
        ({}, ("SN-2", "Acme", "One"), None),
        # Ops have put the serial right, or the device was exchanged with their knowledge.
        (BEFORE | {"serialNumber": "SN-2"}, ("SN-2", "Acme", "One"), None),
    ],
)
def test_another_device(record: dict[str, Any], told: Any, evidence: Evidence | None) -> None:
    assert other_device(record, *told) is evidence


def replaced(addresses: str, seconds: float) -> list[dict[str, Any]]:
    """What is on record when these addresses, one letter each, have followed each other."""
    record: dict[str, Any] = {}
    for number, (before, after) in enumerate(zip(addresses, addresses[1:], strict=False)):
        now = START + timedelta(seconds=number * seconds)
        record["replacedSessions"] = replaced_sessions(record, before, after, now)
    return list(record.get("replacedSessions", []))


@pytest.mark.parametrize(
    ("addresses", "seconds", "are_two"),
    [("A", 5, False), ("AB", 5, False), ("ABA", 5, False), ("ABAB", 5, True), ("XABAB", 5, True),
     ("ABCA", 5, False), ("ABCAB", 5, False), ("ABAC", 5, False), ("ABABAB", 61, False),
     ("ABABABAB", 60, True)],
)  # fmt: skip
def test_two_addresses_that_come_back_at_once_are_two(
    addresses: str, seconds: float, are_two: bool
) -> None:
    sessions = replaced(addresses, seconds)
    assert len(sessions) <= 3
    assert go_back_and_forth(sessions) is are_two
