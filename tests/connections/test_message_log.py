"""The message log: what is kept, what is left out, and that no secret is in it."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from csms.actions.routing import find_outbound
from csms.config import Settings
from csms.connections.message_log import MAX_TEXT, MessageLog
from csms.domain.secret_values import KnownSecrets
from csms.errors import OcppError
from csms.ocppj.frames import Call, CallError, CallResult, Head, parse
from csms.repositories.telemetry import Telemetry
from tests.repositories.conftest import START


class Sink:
    """Keeps what would be written."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def insert_behind(self, collection: str, document: dict[str, Any]) -> None:
        assert collection == "messages"
        self.records.append(document)


class Party:
    """The charge point of an exchange."""

    identity = "ID-1"
    charge_point_id = "CP1"

    def __init__(self, is_known: bool = True) -> None:
        self.is_known = is_known


@pytest.fixture
def sink() -> Sink:
    return Sink()


def message_log(sink: Sink, **settings: Any) -> MessageLog:
    telemetry = cast(Telemetry, sink)
    return MessageLog(
        Settings(**settings), telemetry, find_outbound(), KnownSecrets(), lambda: START
    )


def test_a_call_and_its_answer_are_one_record(sink: Sink) -> None:
    call = Call("17", "Authorize", {"idTag": "T"})
    message_log(sink).inbound(Party(), call, {"idTagInfo": {"status": "Invalid"}}, None, 0.0012)
    [record] = sink.records
    assert record == {
        "chargePointId": "CP1",
        "chargePointIdentity": "ID-1",
        "at": START,
        "direction": "in",
        "uniqueId": "17",
        "action": "Authorize",
        "request": '{"idTag":"T"}',
        "response": '{"idTagInfo":{"status":"Invalid"}}',
        "error": None,
        "milliseconds": 1.2,
    }


def test_a_call_that_waited_for_the_database_in_vain_is_told_whole(sink: Sink) -> None:
    call = parse('[2,"17","MeterValues",{"connectorId":1,"meterValue":[]}]')
    assert isinstance(call, Call)
    call.put_down()
    message_log(sink).inbound(Party(), call, None, OcppError("InternalError", "away"), 0)
    assert sink.records[0]["request"] == '{"connectorId":1,"meterValue":[]}'


def test_what_has_a_collection_of_its_own_is_left_out_unless_refused(sink: Sink) -> None:
    call = Call("1", "Heartbeat", {})
    log = message_log(sink)
    log.inbound(Party(), call, {}, None, 0)
    assert sink.records == []
    log.inbound(Party(False), call, None, OcppError("SecurityError", "boot first"), 0)
    [record] = sink.records
    assert (record["error"], record["chargePointId"]) == ("SecurityError: boot first", None)


@pytest.mark.parametrize(
    ("answer", "outcome", "response", "error"),
    [
        (CallResult("1", {"status": "Accepted"}), "CallResult", '{"status":"Accepted"}', None),
        (CallError("1", "NotSupported", "no", {}), "CallError", None, "NotSupported: no"),
        (None, "Timeout", None, "Timeout"),
    ],
)
def test_every_end_of_a_command_is_told(
    sink: Sink, answer: Any, outcome: str, response: str | None, error: str | None
) -> None:
    message_log(sink).outbound(Party(), "1", "Reset", {"type": "Soft"}, answer, outcome, 0)
    [record] = sink.records
    assert (record["direction"], record["response"], record["error"]) == ("out", response, error)


def test_a_key_is_never_kept(sink: Sink) -> None:
    log = message_log(sink)
    change = {"key": "AuthorizationKey", "value": "a-secret-of-16-b"}
    log.outbound(Party(), "1", "ChangeConfiguration", change, None, "Timeout", 0)
    told = {"configurationKey": [{"key": "AuthorizationKey", "value": "a-secret-of-16-b"}]}
    log.outbound(Party(), "2", "GetConfiguration", {}, CallResult("2", told), "CallResult", 0)
    assert "a-secret" not in json.dumps(sink.records, default=str)


def test_a_long_message_is_cut_and_the_log_can_be_off(sink: Sink) -> None:
    call = Call("1", "DataTransfer", {"vendorId": "v", "data": "x" * 100_000})
    message_log(sink).inbound(Party(), call, {}, None, 0)
    assert len(sink.records[0]["request"]) == MAX_TEXT
    message_log(sink, message_log=False).inbound(Party(), call, {}, None, 0)
    assert len(sink.records) == 1


def test_a_message_that_cannot_be_read_is_kept_masked_and_cut(sink: Sink) -> None:
    log = message_log(sink)
    text = '[3,"17",{"key":"AuthorizationKey","value":"a-secret-of-16-b"' + " " * 2 * MAX_TEXT
    log.unreadable(Party(), text, Head(2, 17, "Heartbeat"), "not JSON: it breaks off")
    log.unreadable(Party(), "x" * 2 * MAX_TEXT, None, "not a JSON array")
    first, second = sink.records
    assert (first["direction"], first["uniqueId"], first["action"]) == ("in", "17", "Heartbeat")
    assert (first["error"], first["response"]) == ("not JSON: it breaks off", None)
    assert '"key":"AuthorizationKey"' in first["request"] and "a-secret" not in first["request"]
    assert len(first["request"]) == MAX_TEXT
    assert (second["request"], second["uniqueId"], second["action"]) == ("x" * MAX_TEXT, "", "")
    message_log(sink, message_log=False).unreadable(Party(), "x", None, "not a JSON array")
    assert len(sink.records) == 2


def test_a_numeric_id_is_kept_as_text(sink: Sink) -> None:
    message_log(sink).inbound(Party(), Call(17, "Authorize", {}), {}, None, 0)
    assert sink.records[0]["uniqueId"] == "17"


def test_a_payload_that_is_nested_too_deep_for_the_log_does_no_harm(sink: Sink) -> None:
    call = parse('[2,"1","DataTransfer",{"data":' + "[" * 500 + "]" * 500 + "}]")
    assert isinstance(call, Call)
    message_log(sink).inbound(Party(), call, {}, None, 0)
    assert sink.records[0]["request"] == "nested too deep to be shown"
