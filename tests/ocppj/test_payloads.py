"""Payload checks: the standard's codes for what is wrong, and what is tolerated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.errors import OcppError
from csms.ocppj.payloads import answer_errors, check_inbound, outbound_errors
from csms.ocppj.schemas import REQUEST_ACTIONS

BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}
SAMPLE = {"value": "1"}


def metering(**changes: Any) -> dict[str, Any]:
    value = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [SAMPLE]}
    return {"connectorId": 1, "meterValue": [value], **changes}


def sampled(**sample: Any) -> dict[str, Any]:
    value = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [SAMPLE | sample]}
    return {"connectorId": 1, "meterValue": [value]}


@pytest.mark.parametrize(
    ("action", "payload", "code", "field"),
    [
        ("BootNotification", {}, "OccurenceConstraintViolation", "chargePointVendor"),
        ("StartTransaction", {"unheard": 1}, "OccurenceConstraintViolation", "connectorId"),
        ("StatusNotification", {"connectorId": 1, "errorCode": "NoError"},
         "OccurenceConstraintViolation", "status"),
        ("FirmwareStatusNotification", {"status": []}, "TypeConstraintViolation", "status"),
        ("Reset", {"type": 5}, "TypeConstraintViolation", "type"),
        ("Reset", {"type": "Soft", "extra": 1}, "FormationViolation", "extra"),
    ],
)  # fmt: skip
def test_the_code_says_what_is_wrong(
    action: str, payload: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(OcppError) as error:
        check_inbound(action, payload)
    assert error.value.code == code
    assert error.value.description.startswith(field)


@pytest.mark.parametrize(
    ("action", "payload", "quirk"),
    [
        ("MeterValues", metering(meterValue=[{"timestamp": "2026-11-23T12:00",
         "sampledValue": [SAMPLE]}]), "oddTimestamp"),
        ("MeterValues", sampled(unit="Celcius"), "misspelledCelsius"),
        ("BootNotification", BOOT | {"chargePointVendor": " "}, "emptyVendor"),
        ("MeterValues", metering(transactionId=0), "unusableTransactionId"),
    ],
)  # fmt: skip
def test_quirks_that_the_schema_lets_pass_are_named(
    action: str, payload: dict[str, Any], quirk: str
) -> None:
    checked, quirks = check_inbound(action, payload)
    assert quirks == [quirk]
    assert checked is payload


def test_what_the_standard_allows_is_passed_on_as_it_is() -> None:
    payload = metering()
    assert check_inbound("MeterValues", payload) == (payload, [])
    assert check_inbound("BootNotification", BOOT)[1] == []


def test_outbound_mistakes_name_the_field() -> None:
    assert [e.field for e in outbound_errors("Reset", {"type": "Warm"})] == ["type"]
    assert [e.field for e in outbound_errors("Reset", {})] == ["type"]
    assert [e.field for e in outbound_errors("Reset", {"type": "Soft", "x": 1})] == ["x"]
    assert outbound_errors("Reset", {"type": "Soft"}) == []


def test_messages_do_not_show_values() -> None:
    [error] = outbound_errors("ChangeConfiguration", {"key": "k", "value": "secret" * 100})
    assert "secret" not in error.message


def test_answers_are_checked_too() -> None:
    assert [e.field for e in answer_errors("Reset", {"status": "Maybe"})] == ["status"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.floats(
        allow_nan=False, allow_infinity=False
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["meterValue", "sampledValue", "timestamp", "value", "unit", "info"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
FIELDS = st.sampled_from(
    ["meterValue", "transactionData", "connectorId", "timestamp", "idTag", "info", "serialNumber"]
)


@given(st.sampled_from(sorted(REQUEST_ACTIONS)), st.dictionaries(FIELDS, VALUES, max_size=5))
def test_nothing_but_ocpp_errors_is_raised(action: str, payload: dict[str, Any]) -> None:
    try:
        check_inbound(action, payload)
    except OcppError as error:
        assert error.code
