"""Connector types and the reconciliation of connectors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from csms.domain.connector import (
    as_known_now,
    new_connector,
    parse_connector_type,
    read_connector_count,
    reconcile,
)

EARLIER = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("CCS Combo 2 (Type 2)", "CCS_COMBO_2"), ("CCS2", "CCS_COMBO_2"), ("cCCS2", "CCS_COMBO_2"),
        ("Combo2", "CCS_COMBO_2"), ("CCS Combo 1 (Type 1)", "CCS_COMBO_1"), ("CCS1", "CCS_COMBO_1"),
        ("Type 2", "TYPE_2"), ("sType2", "TYPE_2"), ("IEC 62196-2 Type 2", "TYPE_2"),
        ("Mennekes", "TYPE_2"), ("Type 1 (J1772)", "TYPE_1"), ("CHAdeMO", "CHADEMO"),
        ("GB/T DC", "GBT_DC"), ("GB/T AC", "GBT_AC"), ("NACS", "NACS"), ("Tesla", "NACS"),
        ("Schuko", "UNKNOWN"), ("", "UNKNOWN"), ("CCS", "UNKNOWN"),
    ],
)  # fmt: skip
def test_vendors_words(raw: str, expected: str) -> None:
    assert parse_connector_type(raw) == expected


@pytest.mark.parametrize(
    ("raw", "count"),
    [("1", 1), (" 64 ", 64), ("0", None), ("65", None), ("1850027108", None), ("-1", None),
     ("2.0", 2), ("2.5", None), ("9" * 5000, None),
     ("two", None), ("", None), (None, None)],
)  # fmt: skip
def test_counts_beyond_reason_are_none(raw: str | None, count: int | None) -> None:
    assert read_connector_count(raw) == count


def test_missing_connectors_are_created() -> None:
    first, second = reconcile([], 2, {1: "Type 2"}, NOW)
    assert first == new_connector(1, NOW) | {
        "type": "TYPE_2", "typeSource": "configuration", "typeRaw": "Type 2"
    }  # fmt: skip
    assert second == new_connector(2, NOW)


def test_what_is_known_stays_and_surplus_goes() -> None:
    known = [new_connector(n, EARLIER) | {"status": "Charging"} for n in (1, 2, 3)]
    assert reconcile(known, 2, {}, NOW) == known[:2]


def test_an_admins_type_is_not_overwritten() -> None:
    by_admin = new_connector(1, EARLIER) | {"type": "NACS", "typeSource": "admin"}
    [connector] = reconcile([by_admin], 1, {1: "Type 2"}, NOW)
    assert (connector["type"], connector["typeSource"]) == ("NACS", "admin")
    assert connector["typeRaw"] == "Type 2"


def test_an_unknown_wording_is_kept() -> None:
    [connector] = reconcile([], 1, {1: "Schuko"}, NOW)
    assert (connector["type"], connector["typeRaw"]) == ("UNKNOWN", "Schuko")


def test_the_same_again_changes_nothing() -> None:
    once = reconcile([], 2, {1: "Type 2", 2: "CHAdeMO"}, EARLIER)
    assert reconcile(once, 2, {1: "Type 2", 2: "CHAdeMO"}, NOW) == once


def test_what_an_off_line_charge_points_connectors_do_is_unknown() -> None:
    connector = {**new_connector(1, EARLIER), "status": "Charging", "errorCode": "NoError"}
    record = {"connectors": [connector], "ocppSessionId": "s", "disconnectedAt": EARLIER}
    (online,) = as_known_now(record)
    assert (online["status"], online["lastStatus"], online["unknownSince"]) == (
        "Charging", "Charging", None,
    )  # fmt: skip
    (offline,) = as_known_now({**record, "ocppSessionId": None})
    assert (offline["status"], offline["lastStatus"], offline["unknownSince"]) == (
        None, "Charging", EARLIER,
    )  # fmt: skip
    assert offline["errorCode"] == "NoError" and connector["status"] == "Charging"
    assert as_known_now({"_id": "CP1", "connectors": None}) == []
