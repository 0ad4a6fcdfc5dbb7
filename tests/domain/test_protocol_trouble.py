"""The summary of a charge point's departures from OCPP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from csms.domain.charge_point import NewChargePoint, new_record, view
from csms.domain.protocol_trouble import (
    HARMLESS_QUIRKS,
    ProtocolTrouble,
    closed,
    refused_call,
    trouble_of,
)
from csms.ocppj.quirks import QUIRKS

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_counters_are_summed_up() -> None:
    record = {
        "quirks": {"nullField": 3},
        "protocolTrouble": {
            "refusedCalls": {
                "Authorize": {"TypeConstraintViolation": 1},
                "StopTransaction": {"FormationViolation": 2, "TypeConstraintViolation": 12},
            },
            "unreadableFrames": 4,
            "closes": {"Too many unreadable messages": 5, "Another": 6},
            "skewedClock": 7,
            "leftBehind": 8,
            "lastAt": NOW,
        },
    }
    assert trouble_of(record).model_dump() == {
        "refusedCalls": [
            {"action": "StopTransaction", "reason": "TypeConstraintViolation", "count": 12},
            {"action": "StopTransaction", "reason": "FormationViolation", "count": 2},
            {"action": "Authorize", "reason": "TypeConstraintViolation", "count": 1},
        ],
        "unreadableFrames": 4,
        "closes": [
            {"reason": "Another", "count": 6},
            {"reason": "Too many unreadable messages", "count": 5},
        ],
        "skewedClock": 7,
        "leftBehind": 8,
        "quirks": {"nullField": 3},
        "lastAt": NOW,
    }


@pytest.mark.parametrize("record", [{}, {"protocolTrouble": None, "quirks": None}])
def test_a_record_of_an_earlier_version_has_none(record: dict[str, None]) -> None:
    assert trouble_of(record) == ProtocolTrouble()
    assert view({"_id": "CP1", **record}).protocolTrouble == ProtocolTrouble()


def test_a_new_record_can_be_counted_in() -> None:
    record = new_record(NewChargePoint(id="CP1", serialNumber="S"), None, NOW)
    # $inc below a null fails.
    assert (record["protocolTrouble"], record["quirks"]) == ({}, {})


def test_counters_have_no_path_but_their_own() -> None:
    assert refused_call("a.b$", "c.d") == "refusedCalls.ab.cd"
    assert closed("No pong in 10.5 s") == "closes.No pong in 105 s"


def test_harmless_quirks_are_quirks() -> None:
    assert {quirk.name for quirk in QUIRKS} >= HARMLESS_QUIRKS
