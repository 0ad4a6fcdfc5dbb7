"""Messages that are off the schema: what is made of them, and which quirks that counts."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain import meter_value
from csms.errors import OcppError
from csms.ocppj.frames import Payload
from csms.ocppj.lenient import FLAGS, LENIENT_ACTIONS
from csms.ocppj.payloads import check_inbound
from csms.ocppj.quirks import PAYLOAD_QUIRKS
from csms.ocppj.schemas import schema_of, strict

NOW = "2026-11-23T12:00:00Z"
START = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": NOW}
STOP = {"transactionId": 7, "meterStop": 5000, "timestamp": NOW}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}
SAMPLE = {"value": "1500"}
REGISTERS = [("5000", 5000), (" 5000 ", 5000), (5000.0, 5000), (5000.333, 5000), ("5000.5", 5001),
             ("5e3", 5000), (0, 0)]  # fmt: skip


def metering(*samples: Any, **changes: Any) -> Payload:
    value = {"timestamp": NOW, "sampledValue": list(samples)}
    return {"connectorId": 1, "meterValue": [value], **changes}


def read(action: str, payload: Payload) -> tuple[Payload, list[str]]:
    """Check a payload that breaks the schema; it must stay as it was sent."""
    assert not strict(action).is_valid(payload), "this fits the schema"
    before = copy.deepcopy(payload)
    checked, quirks = check_inbound(action, payload)
    assert payload == before
    return checked, quirks


def without(payload: Payload, name: str) -> Payload:
    return {key: value for key, value in payload.items() if key != name}


CASES: list[tuple[str, Payload, Payload, str]] = [
    ("StartTransaction", START | {"vendorDebug": "x"}, START, "unknownProperty"),
    ("Heartbeat", {"extra": 1}, {}, "unknownProperty"),
    ("MeterValues", metering(SAMPLE | {"index": 3}), metering(SAMPLE), "unknownProperty"),
    ("BootNotification", BOOT | {"extra": {"a": [1]}}, BOOT, "unknownProperty"),
    ("StopTransaction", STOP | {"Reason": "Local"}, STOP | {"reason": "Local"}, "propertyCase"),
    ("StartTransaction", without(START, "idTag") | {"IdTag": "TAG"}, START, "propertyCase"),
    ("StopTransaction", STOP | {"reason": "Local", "Reason": "x"}, STOP | {"reason": "Local"},
     "unknownProperty"),
    ("MeterValues", metering(SAMPLE, transactionId=None), metering(SAMPLE), "nullField"),
    ("StartTransaction", without(START, "timestamp"), without(START, "timestamp"), "missingField"),
    ("StartTransaction", without(START, "idTag"), START | {"idTag": ""}, "missingField"),
    ("StatusNotification", without(STATUS, "connectorId"), STATUS | {"connectorId": 0},
     "missingField"),
    ("StatusNotification", without(STATUS, "errorCode"), STATUS, "missingField"),
    ("StatusNotification", without(STATUS | {"errorCode": "GroundFailure"}, "status"),
     {"connectorId": 1, "errorCode": "GroundFailure"}, "missingField"),
    ("MeterValues", metering(meterValue=[{"timestamp": NOW}]), metering(), "missingField"),
    ("StopTransaction", STOP | {"connectorId": 2}, STOP | {"connectorId": 2}, "unknownProperty"),
    ("BootNotification", {"chargePointVendor": "v"}, {"chargePointVendor": "v"}, "missingField"),
    ("SecurityEventNotification", {"type": "ResetOrReboot"}, {"type": "ResetOrReboot"},
     "missingField"),
    ("MeterValues", without(metering(SAMPLE), "connectorId"),
     without(metering(SAMPLE), "connectorId"), "missingField"),
    ("BootNotification", BOOT | {"chargePointVendor": "v" * 500},
     BOOT | {"chargePointVendor": "v" * 500}, "overlongText"),
    ("StatusNotification", STATUS | {"info": "i" * 51}, STATUS | {"info": "i" * 51},
     "overlongText"),
    ("Authorize", {"idTag": "t" * 21}, {"idTag": "t" * 21}, "overlongText"),
    ("StatusNotification", STATUS | {"vendorErrorCode": 17}, STATUS | {"vendorErrorCode": "17"},
     "numberForText"),
    ("DataTransfer", {"vendorId": "v", "data": {"a": 1}}, {"vendorId": "v", "data": '{"a":1}'},
     "numberForText"),
    ("StartTransaction", START | {"idTag": 4711}, START | {"idTag": "4711"}, "numberForText"),
    ("StatusNotification", STATUS | {"errorCode": "Error", "status": "Faulted"},
     STATUS | {"errorCode": "Error", "status": "Faulted"}, "unknownEnumeration"),
    ("StopTransaction", STOP | {"reason": "SOCReached"}, STOP | {"reason": "SOCReached"},
     "unknownEnumeration"),
    ("FirmwareStatusNotification", {"status": "Verifying"}, {"status": "Verifying"},
     "unknownEnumeration"),
    ("LogStatusNotification", {"status": "Zipping"}, {"status": "Zipping"}, "unknownEnumeration"),
    ("MeterValues", metering(SAMPLE | {"unit": "MWh"}), metering(SAMPLE | {"unit": "MWh"}),
     "unknownEnumeration"),
    ("StopTransaction", STOP | {"transactionId": "7"}, STOP, "oddNumber"),
    ("StartTransaction", START | {"connectorId": "1"}, START, "oddNumber"),
    ("StopTransaction", STOP | {"meterStop": {}}, without(STOP, "meterStop"), "unreadableNumber"),
    ("StartTransaction", START | {"reservationId": "x"}, START, "unreadableNumber"),
    ("StopTransaction", STOP | {"transactionId": "x"}, without(STOP, "transactionId"),
     "unusableTransactionId"),
    ("MeterValues", metering(SAMPLE, transactionId=2**63 - 1), metering(SAMPLE),
     "unusableTransactionId"),
    ("Authorize", {"idTag": "\x10 ABCDEFGHIJKLMNOPQRST\x0e"}, {"idTag": "ABCDEFGHIJKLMNOPQRST"},
     "controlCharacters"),
    ("MeterValues", metering(SAMPLE) | {"meterValue": metering(SAMPLE)["meterValue"][0]},
     metering(SAMPLE), "objectForList"),
    ("MeterValues", metering({"value": 3.5}), metering({"value": "3.5"}), "numericValue"),
    ("MeterValues", metering(meterValue=[]), metering(meterValue=[]), "emptyList"),
    ("StatusNotification", STATUS | {"timestamp": 1760000000},
     STATUS | {"timestamp": "1760000000"}, "oddTimestamp"),
    ("StatusNotification", STATUS | {"timestamp": {}}, STATUS, "oddTimestamp"),
    ("BootNotification", BOOT | {"serialNumber": "s"}, BOOT | {"serialNumber": "s"},
     "serialNumberField"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "payload", "expected", "quirk"), CASES)
def test_it_is_read_and_its_quirk_is_named(
    action: str, payload: Payload, expected: Payload, quirk: str
) -> None:
    assert read(action, payload) == (expected, [quirk])


def test_a_field_that_is_no_value_is_taken_as_left_out() -> None:
    payload, quirks = read("StatusNotification", STATUS | {"info": "x", "errorCode": []})
    assert payload == STATUS | {"info": "x"}
    assert quirks == ["unreadableField"]


def test_the_connector_of_a_stop_is_read_as_any_other() -> None:
    payload, _ = read("StopTransaction", STOP | {"ConnectorId": "2"})
    assert payload == STOP | {"connectorId": 2}


def test_an_id_tag_is_the_same_whatever_else_is_wrong() -> None:
    """What is no control character stays, as it does in a message that fits the schema."""
    payload, _ = read("Authorize", {"idTag": "A\xa0B\x07", "extra": 1})
    assert payload == {"idTag": "A\xa0B"}


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("StatusNotification", STATUS | {"connectorId": -1}),
        ("StartTransaction", START | {"meterStart": -1}),
        ("StopTransaction", STOP | {"meterStop": -1}),
    ],
)
def test_a_number_below_0_is_noticed_though_it_fits_the_schema(
    action: str, payload: Payload
) -> None:
    assert check_inbound(action, payload) == (payload, ["unreadableNumber"])


def test_flags_are_where_readings_look_for_them() -> None:
    assert FLAGS == meter_value.REPAIR_FLAGS


def test_more_than_500_characters_are_cut() -> None:
    payload, quirks = read("Authorize", {"idTag": "t" * 501})
    assert payload == {"idTag": "t" * 500}
    assert quirks == ["overlongText", "cutText"]


@pytest.mark.parametrize(
    "sample", [None, 5, "1500", [], {}, {"value": None}, {"value": True}, {"value": {}}]
)
def test_a_bad_sample_costs_itself_alone(sample: Any) -> None:
    payload, quirks = read("MeterValues", metering(SAMPLE, sample, {"value": "2"}))
    assert payload["meterValue"] == [
        {"timestamp": NOW, "sampledValue": [SAMPLE, {"value": "2"}], FLAGS: ["unreadableValue"]}
    ]
    assert "unreadableSample" in quirks


def test_a_bad_element_costs_itself_alone() -> None:
    good = {"timestamp": NOW, "sampledValue": [SAMPLE]}
    payload, quirks = read("MeterValues", metering(meterValue=[None, good, 5]))
    assert payload["meterValue"] == [good]
    assert quirks == ["unreadableSample"]


@pytest.mark.parametrize(("sent", "read_as"), REGISTERS[:-1])
@pytest.mark.parametrize("field", ["meterStart", "meterStop"])
def test_registers_are_read_as_whole_wh(field: str, sent: Any, read_as: int) -> None:
    action, payload = ("StartTransaction", START) if field == "meterStart" else (
        "StopTransaction", STOP)  # fmt: skip
    checked, quirks = read(action, payload | {field: sent})
    assert checked == payload | {field: read_as}
    assert type(checked[field]) is int
    assert quirks == ["oddNumber"]


@pytest.mark.parametrize("sent", ["", "abc", None, True, [], "-1", -1.0, "1" * 5000, 1e300, "5,0"])
def test_a_register_that_cannot_be_read_is_missing(sent: Any) -> None:
    checked, _ = read("StopTransaction", STOP | {"meterStop": sent})
    assert "meterStop" not in checked


@pytest.mark.parametrize("sent", [None, 2**31 + 0.5, "", "0", "-1", "2147483648", 1e19, [], False])
def test_a_transaction_id_that_csms_never_gave_is_no_id(sent: Any) -> None:
    checked, _ = read("StopTransaction", STOP | {"transactionId": sent})
    assert "transactionId" not in checked


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": [value]}
    return value


def test_deep_nesting_is_set_aside_or_refused() -> None:
    deep = _nested(400)
    assert check_inbound("StartTransaction", START | {"extra": deep}) == (
        START,
        ["unknownProperty"],
    )
    checked, _ = check_inbound("StatusNotification", STATUS | {"info": deep})
    assert checked == STATUS
    for action in ("DataTransfer", "Reset"):
        with pytest.raises(OcppError, match="FormationViolation"):
            check_inbound(action, {"extra": deep})


def test_every_quirk_of_payloads_has_a_case() -> None:
    below = {"cutText", "unreadableSample", "unreadableField"}
    noticed = {quirk.name for quirk in PAYLOAD_QUIRKS if quirk.notice is not None}
    repaired = {quirk.name for quirk in PAYLOAD_QUIRKS} - noticed - below
    assert repaired <= {case[3] for case in CASES}


WORDS = ["connectorId", "idTag", "meterStart", "meterStop", "timestamp", "transactionId",
         "meterValue", "transactionData", "sampledValue", "value", "unit", "status", "errorCode",
         "Reason", "reason", "info", "chargePointVendor", "type", "vendorId", "data"]  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(["5", " 5000 ", "-1", NOW, "Available", "NoError", "Local"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)
    ),
    max_leaves=15,
)


def _fits(schema: Any, root: Any, value: Any) -> bool:
    """Whether a value has the type of its schema, and no properties but that schema's."""
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return isinstance(value, dict) and all(
            name in (FLAGS, "serialNumber") or _fits(schema["properties"][name], root, inner)
            for name, inner in value.items()
        )
    if kind == "array":
        return isinstance(value, list) and all(_fits(schema["items"], root, v) for v in value)
    if kind == "integer":
        return type(value) is int and 0 <= value <= 2**53
    return isinstance(value, str)


@given(
    st.sampled_from(sorted(LENIENT_ACTIONS)),
    st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), JSON, max_size=6),
)
def test_what_comes_out_has_the_types_of_the_schema(action: str, payload: Payload) -> None:
    before = orjson.dumps(payload)
    try:
        checked, quirks = check_inbound(action, payload)
    except OcppError:
        return
    assert orjson.dumps(payload) == before
    if checked is not payload:
        assert quirks
        schema = schema_of(action)
        assert _fits(schema, schema, checked), checked
