"""A transaction as a connection remembers it: which readings are its own, and how far it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.domain.id_tag import IdTagInfo
from csms.domain.running_transaction import RunningTransaction
from csms.domain.transaction_start import Start

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def running(timestamp: str | None = "2026-11-23T11:00:00Z", **fields: Any) -> RunningTransaction:
    payload = {"connectorId": 1, "idTag": "T", "meterStart": 100, "timestamp": timestamp}
    record = Start.of("cp", "CP", payload, NOW).document(7, IdTagInfo("Accepted"), NOW)
    return RunningTransaction.of(record | fields)


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return NOW.replace(hour=hour, minute=minute, second=second)


def test_it_covers_the_time_from_its_start() -> None:
    one = running()
    assert [one.covers(t) for t in (at(10, 59, 57), at(10, 59, 58), at(11), at(23))] == [
        False, True, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize("stamp", [None, "0000-00-00T00:00:00Z", "1970-01-01T00:00:00Z", "2036"])
def test_a_start_without_a_usable_clock_was_when_it_came(stamp: str | None) -> None:
    assert running(stamp).began_at == NOW


def test_after_its_end_or_the_boot_that_forgot_it_nothing_is_its_own() -> None:
    forgotten = running(flags=["leftBehind"], leftBehindAt=at(11, 30))
    assert forgotten.covers(at(11, 29)) and not forgotten.covers(at(11, 30))
    ended = running()
    ended.ended_at = at(11, 30)
    assert ended.covers(at(11, 30)) and not ended.covers(at(11, 31))


def test_progress_is_due_at_most_every_ten_seconds() -> None:
    one = running()
    assert one.meter(150.0, at(11, 1), NOW)
    one.written(NOW)
    assert not one.meter(160.0, at(11, 2), NOW + timedelta(seconds=9))
    assert one.is_unwritten
    assert one.meter(170.0, at(11, 3), NOW + timedelta(seconds=10))
    assert one.progress() == {"lastMeter": 170.0, "lastReadingAt": at(11, 3), "energyWh": 70.0}


def test_a_late_reading_sets_nothing_back_and_a_new_meter_is_no_negative_energy() -> None:
    one = running()
    one.meter(200.0, at(11, 5), NOW)
    one.meter(150.0, at(11, 4), NOW)
    assert one.last_meter == 200.0
    one.meter(3.0, at(11, 6), NOW)
    assert one.progress() == {"lastMeter": 3.0, "lastReadingAt": at(11, 6)}


def test_the_first_reading_stands_in_for_a_start_that_is_not_known() -> None:
    one = running(meterStart=None)
    one.meter(100.0, at(11, 1), NOW)
    one.meter(130.0, at(11, 2), NOW)
    assert one.progress() == {
        "lastMeter": 130.0, "lastReadingAt": at(11, 2), "assumedMeterStart": 100.0, "energyWh": 30.0
    }  # fmt: skip
