"""The charge point's record: what ops may enter, what is shown, how serials compare."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from csms.domain.charge_point import (
    ChargePointView,
    NewChargePoint,
    new_record,
    reported_serial,
    serials_agree,
    view,
)

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    "bad",
    [
        {}, {"serialNumber": " "}, {"chargePointIdentity": "a/b"}, {"chargePointIdentity": "a\0"},
        {"serialNumber": "x", "powerRating": -1}, {"serialNumber": "x", "connectorCount": 65},
        {"serialNumber": "x", "protocol": "OCPP20"}, {"serialNumber": "x", "status": "Available"},
        {"serialNumber": "x", "authorizationKey": "short"}, {"serialNumber": "x", "id": "a/b"},
        {"serialNumber": "x" * 256}, {"serialNumber": "x", "powerRating": float("inf")},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NewChargePoint.model_validate(bad)


def test_a_record_shows_all_but_the_key() -> None:
    new = NewChargePoint(id="cp", serialNumber=" SN ", authorizationKey="correct horse battery")
    record = new_record(new, "the hash", NOW)
    shown = view(record)
    assert shown.hasAuthorizationKey
    assert shown.serialNumber == "SN"
    assert "hash" not in shown.model_dump_json().replace("hasAuthorizationKey", "")
    hidden = {"_id", "authorizationKeyHash", "searchGrams", "idFolded", "identityFolded"}
    hidden |= {"namesFolded"}
    assert set(record) - hidden == set(ChargePointView.model_fields) - {
        "id", "connected", "hasAuthorizationKey", "isBare", "hasShownSerial"
    }  # fmt: skip


def test_a_bare_record_made_elsewhere_can_be_shown() -> None:
    assert view({"_id": "cp", "serialNumber": "SN"}).isWhitelisted


@pytest.mark.parametrize(
    ("boot", "serial"),
    [
        ({"chargePointSerialNumber": "a", "chargeBoxSerialNumber": "b"}, "a"),
        ({"chargePointSerialNumber": " ", "chargeBoxSerialNumber": "b"}, "b"),
        ({"serialNumber": " c "}, "c"),
        ({"chargePointSerialNumber": "\x00 \x00", "serialNumber": "c\x00\x00"}, "c"),
        ({}, None),
    ],
)
def test_the_serial_of_a_boot(boot: dict[str, Any], serial: str | None) -> None:
    assert reported_serial(boot) == serial


@pytest.mark.parametrize(
    ("on_record", "reported", "agree"),
    [("SN-1", " sn-1 ", True), ("SN-1", "SN-2", False), (None, "SN-2", True), ("SN-1", None, True)],
)
def test_serials_compare_trimmed_and_without_case(
    on_record: str | None, reported: str | None, agree: bool
) -> None:
    assert serials_agree(on_record, reported) is agree
