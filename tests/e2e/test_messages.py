"""What charge points send, and what is in the collections when they are answered."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from csms.domain.times import rfc3339
from csms.ocppj.payloads import answer_errors
from tests.support.charge_point import BOOT
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test


def now() -> str:
    return rfc3339(datetime.now(UTC))


def metering(value: str = "1500", **changes: Any) -> dict[str, Any]:
    reading = {"timestamp": now(), "sampledValue": [{"value": value}]}
    return {"connectorId": 1, "meterValue": [reading], **changes}


def start(**changes: Any) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "TAG1", "meterStart": 100, "timestamp": now(), **changes}


def stop(transaction_id: int, **changes: Any) -> dict[str, Any]:
    return {"transactionId": transaction_id, "meterStop": 350, "timestamp": now(), **changes}


async def add_tag(system: System, id_tag: str = "TAG1", **fields: Any) -> None:
    status, body = await system.rest("POST", "/admin/id-tags", {"idTag": id_tag, **fields})
    assert status == 201, body


async def documents(system: System, collection: str) -> list[dict[str, Any]]:
    return await system.database[collection].find().sort("_id").to_list(None)


async def test_every_answer_fits_its_schema(system: System) -> None:
    await add_tag(system, parentIdTag="PARENT", expiryDate="2099-01-01T00:00:00Z")
    charge_point = await system.online()
    transaction = await charge_point.call("StartTransaction", start())
    calls = {
        "BootNotification": BOOT,
        "Heartbeat": {},
        "StatusNotification": {"connectorId": 1, "status": "Available", "errorCode": "NoError"},
        "MeterValues": metering(),
        "Authorize": {"idTag": "TAG1"},
        "StartTransaction": start(),
        "StopTransaction": stop(transaction["transactionId"], idTag="TAG1"),
        "DataTransfer": {"vendorId": "x"},
        "FirmwareStatusNotification": {"status": "Installed"},
        "DiagnosticsStatusNotification": {"status": "Uploaded"},
    }
    for action, payload in calls.items():
        answer = await charge_point.call(action, payload)
        assert answer_errors(action, answer) == [], action


async def test_heartbeat(system: System) -> None:
    charge_point = await system.online()
    answer = await charge_point.call("Heartbeat", None)
    assert answer["currentTime"].endswith("Z")
    [heartbeat] = await eventually(lambda: documents(system, "heartbeats"), len)
    assert heartbeat["chargePointId"] == heartbeat["chargePointIdentity"] == "CP1"
    booted = (await system.record())["lastBootAt"]
    await charge_point.call("Heartbeat", {})
    await eventually(system.record, lambda record: record["lastSeen"] > booted)


async def test_status_notification(system: System) -> None:
    charge_point = await system.online()
    told = {
        "status": "Faulted",
        "errorCode": "GroundFailure",
        "info": "wet",
        "vendorErrorCode": "7",
    }
    await charge_point.call(
        "StatusNotification", {"connectorId": 2, "timestamp": "2026-01-01T00:00:00Z", **told}
    )
    await charge_point.call(
        "StatusNotification", {"connectorId": 1, "status": "Preparing", "errorCode": "NoError"}
    )
    await charge_point.call(
        "StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}
    )
    await charge_point.call(
        "StatusNotification", {"connectorId": 0, "status": "Available", "errorCode": "NoError"}
    )
    record = await system.record()
    assert record["status"] == "Available"
    assert [(c["connectorId"], c["status"], c["type"]) for c in record["connectors"]] == [
        (1, "Charging", "UNKNOWN"),
        (2, "Faulted", "UNKNOWN"),
    ]
    second = record["connectors"][1]
    assert {name: second[name] for name in told} == told
    assert second["statusTimestamp"] == datetime(2026, 1, 1, tzinfo=UTC)


async def test_meter_values_are_stored_once_however_often_they_are_sent(system: System) -> None:
    charge_point = await system.online()
    payload = metering("1.5")
    payload["meterValue"][0]["sampledValue"][0]["unit"] = "kWh"
    for unique_id in ("a", "b", "a"):
        assert (await charge_point.ask("MeterValues", payload, unique_id))[0] == 3
    [document] = await documents(system, "meter_values")
    assert document["chargePointId"] == "CP1"
    assert document["transactionId"] is None
    [sample] = document["sampledValue"]
    assert (sample["value"], sample["raw"], sample["unit"]) == (1500.0, "1.5", "Wh")
    assert document["flags"] == []


async def test_odd_meter_values_are_kept_and_flagged(system: System) -> None:
    charge_point = await system.online()
    await charge_point.call("MeterValues", metering("2000"))
    await charge_point.call("MeterValues", metering("1000", transactionId=4711))
    old = {"timestamp": "2020-01-01T00:00:00Z", "sampledValue": {"value": 3000}}
    await charge_point.call(
        "MeterValues", {"connectorId": 1, "transactionId": 0, "meterValue": old}
    )
    found = {d["sampledValue"][0]["raw"]: d for d in await documents(system, "meter_values")}
    assert found["2000"]["flags"] == []
    assert found["1000"]["flags"] == ["unknownTransaction", "registerWentBackwards"]
    assert found["1000"]["transactionId"] is None
    assert found["1000"]["reportedTransactionId"] == 4711
    assert found["3000"]["flags"] == ["late"]
    assert found["3000"]["transactionId"] is None
    record = await eventually(system.record, lambda record: record["quirks"])
    assert record["quirks"] == {
        "objectForList": 1,
        "numericValue": 1,
        "unusableTransactionId": 1,
    }


async def test_authorize(system: System) -> None:
    await add_tag(system, "Good", parentIdTag="GROUP")
    await add_tag(system, "Old", expiryDate="2020-01-01T00:00:00Z")
    await add_tag(system, "Bad", status="Blocked")
    charge_point = await system.online()
    expected = {"GOOD": "Accepted", "old": "Expired", "Bad": "Blocked", "?": "Invalid",
                "GROUP": "Invalid"}  # fmt: skip
    for id_tag, status in expected.items():
        answer = await charge_point.call("Authorize", {"idTag": id_tag})
        assert answer["idTagInfo"]["status"] == status, id_tag
    answer = await charge_point.call("Authorize", {"idTag": "good"})
    assert answer["idTagInfo"] == {"status": "Accepted", "parentIdTag": "GROUP"}


async def test_a_transaction(system: System) -> None:
    await add_tag(system)
    charge_point = await system.online()
    answer = await charge_point.call("StartTransaction", start())
    transaction_id = answer["transactionId"]
    assert 0 < transaction_id < 2**31
    assert answer["idTagInfo"] == {"status": "Accepted"}
    await charge_point.call("MeterValues", metering("200", transactionId=transaction_id))
    data = [{"timestamp": now(), "sampledValue": [{"value": "350", "context": "Transaction.End"}]}]
    answer = await charge_point.call(
        "StopTransaction", stop(transaction_id, reason="Local", transactionData=data)
    )
    assert answer == {}
    status, transaction = await system.rest("GET", f"/admin/transactions/{transaction_id}")
    assert status == 200
    assert (transaction["status"], transaction["energyWh"], transaction["stopReason"]) == (
        "Completed", 250, "Local"
    )  # fmt: skip
    values = await documents(system, "meter_values")
    assert {d["transactionId"] for d in values} == {transaction_id}
    assert {d["connectorId"] for d in values} == {1}
    assert sorted(d["sampledValue"][0]["value"] for d in values) == [200.0, 350.0]
    assert all(d["flags"] == [] for d in values)


async def test_a_retried_start_gets_the_same_answer(system: System) -> None:
    await add_tag(system, maxActiveTransactions=1)
    charge_point = await system.online()
    payload = start()
    first = await charge_point.call("StartTransaction", payload)
    assert first["idTagInfo"]["status"] == "Accepted"
    assert await charge_point.call("StartTransaction", payload | {"idTag": "tag1"}) == first
    await charge_point.close()
    again = await system.connect()
    assert await again.call("StartTransaction", payload) == first
    other = await again.call("StartTransaction", start(connectorId=2))
    assert other["idTagInfo"]["status"] == "ConcurrentTx"
    assert other["transactionId"] != first["transactionId"]
    assert len(await documents(system, "transactions")) == 2


async def test_a_start_with_an_invalid_tag_still_gets_an_id(system: System) -> None:
    charge_point = await system.online()
    answer = await charge_point.call("StartTransaction", start(idTag="nobody"))
    assert answer["idTagInfo"]["status"] == "Invalid"
    assert answer["transactionId"] > 0


async def test_the_same_start_at_the_same_instant_is_one_transaction(system: System) -> None:
    charge_point = await system.online()
    payload = start()
    frames = await asyncio.gather(
        *(charge_point.ask("StartTransaction", payload) for _ in range(9))
    )
    assert len({frame[2]["transactionId"] for frame in frames}) == 1


async def test_a_stop_is_taken_once(system: System) -> None:
    charge_point = await system.online()
    transaction_id = (await charge_point.call("StartTransaction", start()))["transactionId"]
    payload = stop(transaction_id)
    await charge_point.call("StopTransaction", payload)
    await charge_point.call("StopTransaction", payload | {"meterStop": 999, "reason": "Other"})
    [transaction] = await documents(system, "transactions")
    assert (transaction["meterStop"], transaction["stopReason"]) == (350, None)


@pytest.mark.parametrize("transaction_id", [-1, 0, 4711])
async def test_a_stop_for_nothing_known_is_kept_as_orphan(
    system: System, transaction_id: int
) -> None:
    charge_point = await system.online()
    payload = stop(transaction_id)
    for _ in range(2):
        assert await charge_point.call("StopTransaction", payload) == {}
    [orphan] = await documents(system, "transactions")
    assert (orphan["status"], orphan["reportedTransactionId"]) == ("Orphaned", transaction_id)
    assert orphan["flags"] == ["unknownTransaction"]


async def test_a_stop_touches_only_its_own_charge_points_transaction(system: System) -> None:
    charge_point, other = await system.online("CP1"), await system.online("CP2")
    transaction_id = (await charge_point.call("StartTransaction", start()))["transactionId"]
    assert await other.call("StopTransaction", stop(transaction_id)) == {}
    _, transaction = await system.rest("GET", f"/admin/transactions/{transaction_id}")
    assert transaction["status"] == "Active"


async def test_a_new_start_abandons_the_older_on_its_connector(system: System) -> None:
    charge_point = await system.online()
    first = (await charge_point.call("StartTransaction", start()))["transactionId"]
    await charge_point.call("MeterValues", metering("180", transactionId=first))
    await charge_point.call("StartTransaction", start(connectorId=2))
    await charge_point.call("StartTransaction", start(meterStart=180))
    _, older = await system.rest("GET", f"/admin/transactions/{first}")
    assert (older["status"], older["meterStop"], older["energyWh"]) == ("Abandoned", 180, 80)
    assert older["flags"] == ["abandoned"]
    _, active = await system.rest("GET", "/admin/transactions?active=true")
    assert len(active["items"]) == 2
    await charge_point.call("StopTransaction", stop(first, meterStop=190))
    _, older = await system.rest("GET", f"/admin/transactions/{first}")
    assert (older["status"], older["energyWh"]) == ("Completed", 90)


async def test_closing_a_stuck_transaction(system: System) -> None:
    charge_point = await system.online()
    transaction_id = (await charge_point.call("StartTransaction", start()))["transactionId"]
    path = f"/admin/transactions/{transaction_id}/close"
    status, transaction = await system.rest("POST", path)
    assert (status, transaction["status"]) == (200, "Closed")
    assert transaction["flags"] == ["closedByOperator"]
    status, problem = await system.rest("POST", path)
    assert status == 422 and problem["errors"][0]["field"] == "transactionId"


async def test_firmware_and_diagnostics(system: System) -> None:
    charge_point = await system.online()
    await charge_point.call("FirmwareStatusNotification", {"status": "Downloading"})
    await charge_point.call("DiagnosticsStatusNotification", {"status": "Uploading"})
    record = await system.record()
    assert record["firmwareStatus"] == "Downloading"
    assert record["diagnosticsStatus"] == "Uploading"


async def test_data_transfer_of_an_unknown_vendor(system: System) -> None:
    charge_point = await system.online()
    answer = await charge_point.call("DataTransfer", {"vendorId": "x", "data": "{}"})
    assert answer == {"status": "UnknownVendorId"}


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ([2, "x", "Dance", {}], "NotImplemented"),
        ([2, "x", "Reset", {"type": "Soft"}], "NotSupported"),
        ([2, "x", "Heartbeat", []], "FormationViolation"),
        ([2, "x", "Heartbeat"], "FormationViolation"),
        ([2, "x", "Authorize", {}], "OccurenceConstraintViolation"),
        ([2, "x", "DiagnosticsStatusNotification", {"status": []}], "TypeConstraintViolation"),
    ],
)
async def test_bad_calls_are_answered_with_their_code(
    system: System, call: list[Any], code: str
) -> None:
    charge_point = await system.online()
    answer = charge_point.start("Heartbeat", {}, "y")
    charge_point._waiting["x"] = waiting = asyncio.get_running_loop().create_future()
    charge_point.send(call)
    frame = await asyncio.wait_for(waiting, 10)
    assert frame[:3] == [4, "x", code]
    assert len(frame) == 5 and isinstance(frame[3], str) and frame[4] == {}
    assert (await answer)[0] == 3


async def test_unreadable_frames_close_the_socket_in_the_end(system: System) -> None:
    charge_point = await system.online()
    for _ in range(9):
        charge_point.send("garbage")
    assert await charge_point.call("Heartbeat", {})
    for _ in range(10):
        charge_point.send("garbage")
    assert (await charge_point.closed())[0] == 1008


async def test_calls_sent_back_to_back_are_answered_in_order(system: System) -> None:
    await system.whitelist("CP1")
    charge_point = await system.connect()
    boot = charge_point.start("BootNotification", BOOT)
    status = charge_point.start(
        "StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
    )
    order: list[str] = []
    boot.add_done_callback(lambda _: order.append("boot"))
    status.add_done_callback(lambda _: order.append("status"))
    frames = await asyncio.wait_for(asyncio.gather(boot, status), 10)
    assert [frame[0] for frame in frames] == [3, 3]
    assert order == ["boot", "status"]


async def test_a_flood_is_answered_whole(system: System) -> None:
    charge_point = await system.online()
    calls = [charge_point.start("MeterValues", metering(str(n))) for n in range(300)]
    frames = await asyncio.wait_for(asyncio.gather(*calls), 20)
    assert {frame[0] for frame in frames} == {3}
    assert await system.database.meter_values.count_documents({}) == 300


async def test_a_stop_written_just_before_the_close_is_processed(system: System) -> None:
    charge_point = await system.online()
    transaction_id = (await charge_point.call("StartTransaction", start()))["transactionId"]
    charge_point.start("StopTransaction", stop(transaction_id))
    charge_point.socket.close()

    async def read() -> Any:
        return (await system.rest("GET", f"/admin/transactions/{transaction_id}"))[1]

    await eventually(read, lambda transaction: transaction["status"] == "Completed")


async def test_messages_are_logged_without_secrets(system: System) -> None:
    charge_point = await system.verified()
    charge_point.answers["ChangeConfiguration"] = lambda payload: {"status": "Accepted"}
    secret = "0123456789abcdef0123"
    status, outcome = await system.rest(
        "POST",
        "/admin/charge-points/CP1/commands",
        {"action": "ChangeConfiguration", "payload": {"key": "AuthorizationKey", "value": secret}},
    )
    assert (status, outcome["response"]) == (200, {"status": "Accepted"})
    logged = await eventually(lambda: documents(system, "messages"), lambda found: len(found) >= 2)
    assert {(m["direction"], m["action"]) for m in logged} >= {
        ("in", "BootNotification"), ("out", "ChangeConfiguration")
    }  # fmt: skip
    for collection in await system.database.list_collection_names():
        for document in await documents(system, collection):
            assert secret not in json.dumps(document, default=str)
