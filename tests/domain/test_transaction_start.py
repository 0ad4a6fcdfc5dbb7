"""StartTransaction: how it is recognised, and what is made of what it does not say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from csms.domain.id_tag import IdTagInfo
from csms.domain.transaction_start import Start

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
START = {
    "connectorId": 1, "idTag": "Tag", "meterStart": 100, "timestamp": "2026-11-23T12:00:00Z"
}  # fmt: skip


def start(sent: dict[str, Any] | None = None, **changes: Any) -> Start:
    payload = {name: value for name, value in (START | changes).items() if value is not None}
    return Start.of("cp", "CP1", payload, NOW, None, sent)


def record(one: Start) -> dict[str, Any]:
    return one.document(7, IdTagInfo("Accepted"), NOW)


@pytest.mark.parametrize(
    ("sent", "flag", "raw"),
    [
        ({"meterStart": -1}, "missingMeterStart", -1),
        ({}, "missingMeterStart", None),
        ({"meterStart": None}, "missingMeterStart", None),
        ({"meterStart": "x" * 900}, "unreadableMeterStart", "x" * 100),
        ({"meterStart": {"a": 1}}, "unreadableMeterStart", "{'a': 1}"),
    ],
)
def test_a_register_that_says_nothing(sent: dict[str, Any], flag: str, raw: object) -> None:
    made = record(start(sent, meterStart=None))
    assert (made["meterStart"], made["flags"], made.get("rawMeterStart")) == (None, [flag], raw)


def test_a_negative_register_that_fits_the_schema_is_no_reading() -> None:
    made = record(start(meterStart=-1))
    assert (made["meterStart"], made["flags"]) == (None, ["missingMeterStart"])


def test_a_register_that_was_rounded_is_kept_as_sent() -> None:
    assert record(start({"meterStart": 100.4}, meterStart=100))["rawMeterStart"] == 100.4
    assert record(start())["rawMeterStart"] is None


def test_what_cannot_be_read_still_makes_a_retry_the_same() -> None:
    one, same, other = (
        start({"meterStart": raw, "timestamp": {}}, meterStart=None, timestamp=None).key
        for raw in ("a", "a", "b")
    )
    assert one == same != other


def test_no_text_of_a_charge_point_can_make_the_key_of_another() -> None:
    payload = START | {"idTag": "2|T", "timestamp": "x"}
    mine = Start.of("A", "A", payload, NOW)
    theirs = Start.of("A|1", "A|1", START | {"connectorId": 2, "idTag": "T"}, NOW)
    assert mine.key.count("|") == 4 and mine.key != theirs.key
    assert start(timestamp="x" * 100_000).key == start(timestamp="x" * 100_000).key
    assert len(start(timestamp="x" * 100_000).key) < 200


@pytest.mark.parametrize("reservation_id", [0, -1])
def test_a_reservation_of_none(reservation_id: int) -> None:
    assert start(reservationId=reservation_id).reservation_id is None


def test_tags_are_cleaned() -> None:
    assert record(start(idTag=" \x02Tag\x03\r\n"))["idTag"] == "Tag"
    assert start(idTag="\x02tag").key == start().key


@pytest.mark.parametrize(
    ("stamp", "earlier", "is_retry"),
    [
        ("2026-11-23T12:00:00Z", {"status": "Completed"}, True),
        ("2026-11-20T12:00:00Z", {"status": "Completed"}, True),
        ("0000-00-00T00:00:00Z", {"status": "Active"}, True),
        ("0000-00-00T00:00:00Z", {"status": "Completed"}, False),
        ("0000-00-00T00:00:00Z", {"status": "Abandoned"}, False),
        ("1970-01-01T00:00:00Z", {"status": "Completed"}, False),
        ("2026-11-23T12:05:01Z", {"status": "Completed"}, False),
        ("1970-01-01T00:00:00Z", {"status": "Active", "leftBehindAt": NOW}, False),
        (None, {"status": "Completed"}, False),
    ],
)
def test_a_retry_is_one_only_if_it_can_be(
    stamp: str | None, earlier: dict[str, Any], is_retry: bool
) -> None:
    assert start(timestamp=stamp).is_repeated_in(earlier) is is_retry
