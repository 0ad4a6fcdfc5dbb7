"""StopTransaction: which transaction it fits, and what a later one makes of an earlier."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.energy import Registers
from csms.domain.id_tag import IdTagInfo
from csms.domain.times import rfc3339
from csms.domain.transaction_start import Start
from csms.domain.transaction_stop import Stop

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
STOP: dict[str, Any] = {
    "transactionId": 0, "meterStop": 350, "timestamp": "2026-11-23T11:00:00Z"
}  # fmt: skip


def stop(
    sent: dict[str, Any] | None = None,
    *,
    charge_point_id: str = "cp",
    group: str | None = None,
    **changes: Any,
) -> Stop:
    payload = {name: value for name, value in (STOP | changes).items() if value is not None}
    return Stop.of(charge_point_id, "CP1", payload, NOW, None, sent or payload, group)


def running(**changes: Any) -> dict[str, Any]:
    payload = {
        "connectorId": 1, "idTag": "Tag", "meterStart": 100, "timestamp": "2026-11-23T10:00:00Z",
    }  # fmt: skip
    started = Start.of("cp", "CP1", payload, NOW)
    return started.document(7, IdTagInfo("Accepted", None, "Group"), NOW) | changes


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"charge_point_id": "other"}, False),
        ({"connectorId": 1}, True),
        ({"connectorId": 2}, False),
        ({"connectorId": 0}, True),
        ({"idTag": "tAG\x03"}, True),
        ({"idTag": "Other"}, False),
        ({"idTag": "group"}, True),
        ({"idTag": "Other", "group": "GROUP"}, True),
        ({"idTag": "Other", "group": "Other group"}, False),
        ({"meterStop": 99}, True),
        ({"meterStop": 98}, False),
        ({"meterStop": -1}, True),
        ({"meterStop": 600_000}, True),
        ({"meterStop": 2_000_000}, False),
        ({"timestamp": "2026-11-23T09:59:59Z"}, False),
        ({"timestamp": "1970-01-01T00:00:00Z"}, True),
        ({"timestamp": "2036-01-01T00:00:00Z"}, True),
        ({"timestamp": None}, True),
        # An id that may be ours, but is not on record: only with the tag itself.
        ({"transactionId": 4711}, False),
        ({"transactionId": 4711, "idTag": "tag"}, True),
        ({"transactionId": 4711, "idTag": "Group"}, False),
        ({"transactionId": 4711, "idTag": "Other", "group": "Group"}, False),
        ({"transactionId": 2**31}, True),
    ],
)
def test_what_a_stop_fits(changes: dict[str, Any], fits: bool) -> None:
    assert stop(**changes).fits(running()) is fits


@pytest.mark.parametrize(
    "changes",
    [
        {"flags": ["unreadableTimestamp"], "startTimestamp": NOW},
        {"startTimestamp": NOW + timedelta(days=1)},
        {"startTimestamp": datetime(1970, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_start_without_a_usable_clock_is_not_compared(changes: dict[str, Any]) -> None:
    assert stop(timestamp="2026-11-23T08:00:00Z").fits(running(**changes))


STOPS = st.builds(
    stop,
    charge_point_id=st.sampled_from(["cp", "other"]),
    transactionId=st.none() | st.integers(-(2**53), 2**53),
    meterStop=st.none() | st.integers(-(2**70), 2**70),
    timestamp=st.none() | st.text(max_size=5) | st.datetimes().map(lambda t: f"{t.isoformat()}Z"),
    idTag=st.none() | st.text(max_size=5) | st.sampled_from(["tag", "Group"]),
    reason=st.none() | st.text(max_size=5),
)


@given(STOPS, st.none() | st.integers(0, 1000), st.none() | st.floats(0, 1e9))
def test_no_stop_crosses_charge_points_or_takes_energy_back(
    sent: Stop, meter_start: int | None, last_meter: float | None
) -> None:
    transaction = running(meterStart=meter_start, lastMeter=last_meter)
    if sent.fits(transaction):
        assert sent.charge_point_id == "cp"
    for record in (
        sent.changes(transaction, NOW),
        sent.with_readings(Registers(meter_start, last_meter)).orphan(9, NOW),
    ):
        assert record["energyWh"] is None or record["energyWh"] >= 0
        assert record["meterStop"] is None or record["meterStop"] >= 0


@pytest.mark.parametrize(
    ("changes", "corrects"),
    [
        ({"timestamp": "2026-11-23T11:30:00Z", "meterStop": 400}, True),
        ({"timestamp": "2026-11-23T11:00:00Z", "meterStop": 400}, False),
        ({"timestamp": "2026-11-23T11:30:00Z", "meterStop": 350}, False),
        ({"timestamp": "2026-11-23T11:30:00Z", "meterStop": 300}, False),
        ({"timestamp": "2026-11-23T11:30:00Z", "meterStop": -1}, False),
        ({}, False),
    ],
)
def test_a_later_stop_with_a_higher_register_corrects(
    changes: dict[str, Any], corrects: bool
) -> None:
    first = stop(transactionId=7)
    ended = running() | first.changes(running(), NOW) | {"stopKeys": [first.key]}
    assert stop(**({"transactionId": 7} | changes)).corrects(ended) is corrects


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("2099-01-01T00:00:00Z", "2026-11-23T11:30:00Z"),
        ("2026-11-23T11:00:00Z", "1970-01-01T00:00:00Z"),
    ],
)
def test_with_a_useless_clock_the_later_stop_is_the_one_that_came_later(
    first: str, second: str
) -> None:
    earlier = stop(transactionId=7, timestamp=first)
    ended = running() | earlier.changes(running(), NOW) | {"stopKeys": [earlier.key]}
    later = stop(transactionId=7, timestamp=second, meterStop=400)
    assert replace(later, received_at=NOW + timedelta(minutes=1)).corrects(ended)
    assert not later.corrects(ended)


def test_the_id_outranks_a_stop_that_was_only_thought_to_fit() -> None:
    guessed = stop(meterStop=900)
    ended = running() | guessed.changes(running(), NOW, ("matchedWithoutId",))
    ended |= {"stopKeys": [guessed.key]}
    proper = stop(transactionId=7, meterStop=400, timestamp="2026-11-23T10:50:00Z")
    assert proper.replaces_guess(ended)
    corrected = ended | proper.corrections(ended, NOW) | {"stopKeys": [guessed.key, proper.key]}
    assert (corrected["energyWh"], corrected["flags"]) == (300, ["late", "stopCorrected"])
    assert not proper.replaces_guess(corrected)
    unread = stop(transactionId=7, meterStop=-1)
    metered = ended | {"lastMeter": 300.0}
    assert unread.replaces_guess(metered)
    assert (metered | unread.corrections(metered, NOW))["energyWh"] == 200
    for repeat in (
        guessed,
        stop(transactionId=7, meterStop=900),
        stop(transactionId=7, meterStop=-1),
    ):
        assert not repeat.replaces_guess(ended)


def test_a_correction_keeps_both_and_only_its_own_flags() -> None:
    first = stop(transactionId=7, meterStop=-1, reason="Other")
    ended = running(lastMeter=200.0)
    ended |= first.changes(ended, NOW)
    assert ended["flags"] == ["late", "missingMeterStop", "energyFromLastReading"]
    assert (ended["energyWh"], ended["rawMeterStop"]) == (100, -1)
    second = stop(transactionId=7, meterStop=600, timestamp=rfc3339(NOW))
    corrected = ended | second.corrections(ended, NOW)
    assert (corrected["energyWh"], corrected["flags"]) == (500, ["late", "stopCorrected"])
    assert (corrected["assumedMeterStop"], corrected["rawMeterStop"]) == (None, None)
    assert corrected["earlierStops"] == [
        {
            "meterStop": None, "stopTimestamp": NOW.replace(hour=11), "stopReason": "Other",
            "stopIdTag": None, "energyWh": 100,
        }
    ]  # fmt: skip


def test_an_orphan_has_the_energy_of_its_own_readings() -> None:
    orphan = stop().orphan(9, NOW)
    assert (orphan["energyWh"], orphan["flags"]) == (None, ["late", "unknownTransaction"])
    readings = Registers(150, 340)
    assert stop().with_readings(readings).orphan(9, NOW)["energyWh"] == 200
    data = [{"sampledValue": [{"value": "50", "context": "Transaction.Begin"}]}]
    own = stop(transactionData=data).with_readings(readings).orphan(9, NOW)
    assert (own["energyWh"], own["assumedMeterStart"]) == (300, 50)


def test_stops_are_told_apart_by_all_that_was_sent() -> None:
    changes: list[dict[str, Any]] = [
        {}, {"transactionId": -1}, {"meterStop": 351}, {"timestamp": "x"}, {"idTag": "T"},
        {"charge_point_id": "other"},
    ]  # fmt: skip
    assert len({stop(**change).key for change in changes}) == len(changes)
    assert stop(idTag="tag").key == stop(idTag=" TAG\x00").key
