"""MeterValues: every reading kept once, in units that can be added up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.actions import meter_values, metering, running
from csms.domain.meter_value import REPAIR_FLAGS
from csms.domain.times import rfc3339
from tests.actions.support import Repaired, documents
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test


def reading(*samples: dict[str, Any], **fields: Any) -> dict[str, Any]:
    stamp = rfc3339(datetime.now(UTC))
    value = {"timestamp": stamp, "sampledValue": list(samples)}
    return {"connectorId": 1, "meterValue": [value], **fields}


@pytest.mark.parametrize(
    ("sample", "value", "unit"),
    [
        ({"value": "1.234567", "unit": "kWh"}, 1234.567, "Wh"),
        ({"value": "0.1", "unit": "kWh"}, 100.0, "Wh"),
        ({"value": "7", "unit": "Wh"}, 7.0, "Wh"),
        ({"value": "7"}, 7.0, "Wh"),
        ({"value": "7.4", "measurand": "Power.Active.Import", "unit": "kW"}, 7400.0, "W"),
        ({"value": "16", "measurand": "Current.Import"}, 16.0, "A"),
        ({"value": "50", "measurand": "Frequency"}, 50.0, "Hz"),
        ({"value": "80", "measurand": "SoC"}, 80.0, "Percent"),
        ({"value": "21", "measurand": "Temperature", "unit": "Celcius"}, 21.0, "Celsius"),
        ({"value": "294.15", "measurand": "Temperature", "unit": "K"}, 21.0, "Celsius"),
        ({"value": "32", "measurand": "Temperature", "unit": "Fahrenheit"}, 0.0, "Celsius"),
    ],
)
async def test_units(system: System, sample: dict[str, Any], value: float, unit: str) -> None:
    charge_point = await system.online()
    await charge_point.call("MeterValues", reading(sample))
    [document] = await documents(system, "meter_values")
    [stored] = document["sampledValue"]
    assert (stored["value"], stored["unit"], stored["raw"]) == (value, unit, sample["value"])


async def test_defaults_are_filled_in_and_phases_kept_apart(system: System) -> None:
    charge_point = await system.online()
    power = {"measurand": "Power.Active.Import", "unit": "W"}
    await charge_point.call(
        "MeterValues",
        reading({"value": "1"}, power | {"value": "2", "phase": "L1"}, power | {"value": "2"}),
    )
    [document] = await documents(system, "meter_values")
    assert document["sampledValue"][0] == {
        "measurand": "Energy.Active.Import.Register",
        "value": 1.0,
        "raw": "1",
        "unit": "Wh",
        "phase": None,
        "context": "Sample.Periodic",
        "location": "Outlet",
        "format": "Raw",
    }
    assert [sample["phase"] for sample in document["sampledValue"]] == [None, "L1", None]


async def test_signed_data_is_opaque(system: System) -> None:
    charge_point = await system.online()
    signed = "OCMF|" + "x" * 4000
    await charge_point.call("MeterValues", reading({"value": signed, "format": "SignedData"}))
    [document] = await documents(system, "meter_values")
    [sample] = document["sampledValue"]
    assert (sample["value"], sample["raw"]) == (None, signed)
    assert document["flags"] == []


async def test_one_odd_sample_costs_nothing(system: System) -> None:
    charge_point = await system.online()
    await charge_point.call(
        "MeterValues",
        reading(
            {"value": "12"},
            {"value": "abc"},
            {"value": "1", "measurand": "Mood"},
            {"value": "3", "unit": "Furlong"},
        ),
    )
    [document] = await documents(system, "meter_values")
    assert [sample["value"] for sample in document["sampledValue"]] == [12.0, None, 1.0, 3.0]
    assert document["flags"] == ["unknownMeasurand", "unknownUnit", "unreadableValue"]


async def test_every_element_is_a_document_with_its_own_time(system: System) -> None:
    charge_point = await system.online()
    values = [
        {"timestamp": f"2026-01-01T00:0{minute}:00Z", "sampledValue": [{"value": str(minute)}]}
        for minute in range(5)
    ]
    await charge_point.call("MeterValues", {"connectorId": 1, "meterValue": values})
    stored = await documents(system, "meter_values")
    assert [document["timestamp"].minute for document in stored] == [0, 1, 2, 3, 4]
    assert all("late" in document["flags"] for document in stored)


@pytest.mark.parametrize("stamp", ["yesterday", "", "99999-01-01T00:00:00Z", "1970-01-01T00:00"])
async def test_a_time_that_makes_no_sense_is_replaced_or_flagged(
    system: System, stamp: str
) -> None:
    charge_point = await system.online()
    payload = reading({"value": "1"})
    payload["meterValue"][0]["timestamp"] = stamp
    await charge_point.call("MeterValues", payload)
    [document] = await documents(system, "meter_values")
    assert set(document["flags"]) <= {"unreadableTimestamp", "clockSkew"} and document["flags"]
    if "unreadableTimestamp" in document["flags"]:
        assert document["timestamp"] == document["receivedAt"]
        assert document["rawTimestamp"] == stamp


async def test_retries_at_the_same_instant_store_one_document(system: System) -> None:
    charge_point = await system.online()
    payload = reading({"value": "5"})
    frames = await asyncio.gather(*(charge_point.ask("MeterValues", payload) for _ in range(20)))
    assert all(frame[0] == 3 for frame in frames)
    assert len(await documents(system, "meter_values")) == 1


async def test_an_empty_list_is_answered(system: System) -> None:
    charge_point = await system.online()
    assert await charge_point.call("MeterValues", {"connectorId": 1, "meterValue": []}) == {}
    assert await documents(system, "meter_values") == []


def ago(minutes: float) -> str:
    return rfc3339(datetime.now(UTC) - timedelta(minutes=minutes))


def register(value: str, stamp: str | None = None, **fields: Any) -> dict[str, Any]:
    element = {"timestamp": stamp or ago(0), "sampledValue": [{"value": value}]}
    return {"connectorId": 1, "meterValue": [element], **fields}


async def start(charge_point: ScriptedChargePoint, **fields: Any) -> int:
    payload = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": ago(0), **fields}
    return int((await charge_point.call("StartTransaction", payload))["transactionId"])


async def owners(system: System) -> dict[str, tuple[int | None, Any]]:
    """By raw value: whose a reading is, and what the charge point said."""
    return {
        one["sampledValue"][0]["raw"]: (one["transactionId"], one.get("reportedTransactionId"))
        for one in await documents(system, "meter_values")
    }


@pytest.mark.parametrize("sent", [{}, {"transactionId": 0}, {"transactionId": -1}])
async def test_without_an_id_they_belong_to_what_is_active_on_their_connector(
    system: System, sent: dict[str, Any]
) -> None:
    charge_point, other = await system.online("CP1"), await system.online("CP2")
    await charge_point.call("MeterValues", register("900", **sent))
    one, two = await start(charge_point), await start(charge_point, connectorId=2)
    await charge_point.call("MeterValues", register("1100", **sent))
    await charge_point.call("MeterValues", register("2200", **sent) | {"connectorId": 2})
    await charge_point.call("MeterValues", register("3300", **sent) | {"connectorId": 0})
    await other.call("MeterValues", register("4400", **sent))
    stop = {"transactionId": one, "meterStop": 1200, "timestamp": ago(0)}
    await charge_point.call("StopTransaction", stop)
    await charge_point.call("MeterValues", register("5500", ago(-1), **sent))
    assert await owners(system) == {
        "900": (None, None), "1100": (one, None), "2200": (two, None), "3300": (None, None),
        "4400": (None, None), "5500": (None, None),
    }  # fmt: skip
    _, page = await system.rest("GET", f"/admin/meter-values?transactionId={one}")
    assert [item["flags"] for item in page["items"]] == [["matchedWithoutId"]]


async def test_a_claim_that_is_not_its_own_is_kept_apart(system: System) -> None:
    charge_point, other = await system.online("CP1"), await system.online("CP2")
    foreign = await start(other)
    own = await start(charge_point)
    for value, claim in (("1", foreign), ("2", 2**31), ("3", own), ("4", 4711)):
        await charge_point.call("MeterValues", register(value, transactionId=claim))
    assert await owners(system) == {
        "1": (None, foreign), "2": (own, 2**31), "3": (own, None), "4": (None, 4711),
    }  # fmt: skip
    _, page = await system.rest("GET", f"/admin/meter-values?transactionId={foreign}")
    assert page["items"] == []


async def test_a_retry_stays_a_retry_though_the_transaction_has_ended(system: System) -> None:
    charge_point = await system.online()
    own = await start(charge_point)
    payloads = [register("1100"), register("1200", transactionId=0), register("1", transactionId=9)]
    for payload in payloads:
        await charge_point.call("MeterValues", payload)
    stop = {"transactionId": own, "meterStop": 1300, "timestamp": ago(0)}
    await charge_point.call("StopTransaction", stop)
    for payload in payloads:
        await charge_point.call("MeterValues", payload)
    assert len(await documents(system, "meter_values")) == 3


async def test_late_readings_belong_to_what_covered_their_time(system: System) -> None:
    charge_point = await system.online()
    older = await start(charge_point, timestamp=ago(120))
    stop = {"transactionId": older, "meterStop": 2000, "timestamp": ago(90)}
    await charge_point.call("StopTransaction", stop)
    newer = await start(charge_point, timestamp=ago(30))
    for value, minutes in (("1", 150), ("2", 100), ("3", 60), ("4", 20), ("5", 0)):
        await charge_point.call("MeterValues", register(value, ago(minutes)))
    assert {raw: own for raw, (own, _) in (await owners(system)).items()} == {
        "1": None, "2": older, "3": None, "4": newer, "5": newer,
    }  # fmt: skip


async def test_a_session_that_was_kept_and_delivered_late_leaves_the_live_one_alone(
    system: System,
) -> None:
    charge_point = await system.online()
    live = await start(charge_point, timestamp=ago(1), meterStart=5000)
    kept = await start(charge_point, timestamp=ago(120), meterStart=1000, idTag="Other")
    for value, minutes in (("2000", 90.0), ("6000", 0.5)):
        await charge_point.call("MeterValues", register(value, ago(minutes)))
    assert {key: one[0] for key, one in (await owners(system)).items()} == {
        "2000": kept, "6000": live,
    }  # fmt: skip
    lost = {"transactionId": -1, "timestamp": ago(60), "meterStop": 4000}
    await charge_point.call("StopTransaction", lost)
    lost = {"transactionId": -1, "timestamp": ago(0), "meterStop": 7000}
    await charge_point.call("StopTransaction", lost)
    energies = {one["_id"]: one["energyWh"] for one in await documents(system, "transactions")}
    assert energies == {live: 2000, kept: 3000}


async def test_a_useless_clock_makes_a_reading_one_of_now(system: System) -> None:
    charge_point = await system.online()
    own = await start(charge_point, timestamp="1970-01-01T00:00:00Z")
    for value, stamp in (("1", "1970-01-01T00:01:00Z"), ("2", "?"), ("3", "2099-01-01T00:00:00Z")):
        await charge_point.call("MeterValues", register(value, stamp))
    assert {own for own, _ in (await owners(system)).values()} == {own}


async def test_what_an_operator_has_closed_gets_no_more_readings(system: System) -> None:
    charge_point = await system.online()
    own = await start(charge_point)
    await charge_point.call("MeterValues", register("1100"))
    assert (await system.rest("POST", f"/admin/transactions/{own}/close"))[0] == 200
    await charge_point.call("MeterValues", register("1200"))
    assert {raw: own for raw, (own, _) in (await owners(system)).items()} == {
        "1100": own, "1200": None,
    }  # fmt: skip


async def test_a_running_transaction_shows_how_far_it_is(system: System) -> None:
    charge_point = await system.online()
    own = await start(charge_point)
    await charge_point.call("MeterValues", register("1500", transactionId=own))

    async def listed() -> dict[str, Any]:
        _, page = await system.rest("GET", "/admin/transactions")
        return dict(page["items"][0])

    shown = await eventually(listed, lambda one: one["lastMeter"])
    assert (shown["lastMeter"], shown["energyWh"], shown["status"]) == (1500, 500, "Active")
    # The next is not written at once, but known where it matters.
    await charge_point.call("MeterValues", register("1700", transactionId=own))
    assert (await listed())["energyWh"] == 500
    _, shown = await system.rest("GET", f"/admin/transactions/{own}")
    assert (shown["lastMeter"], shown["energyWh"]) == (1700, 700)
    _, ended = await system.rest("POST", f"/admin/transactions/{own}/close")
    assert (ended["energyWh"], ended["meterStop"]) == (700, 1700)


async def test_progress_that_waits_is_written_when_the_node_stops(system: System) -> None:
    charge_point = await system.online()
    own = await start(charge_point)
    for value in ("1500", "1700"):
        await charge_point.call("MeterValues", register(value, transactionId=own))
    system.central_system.progress.store()
    await system.central_system.telemetry.close()
    [stored] = await documents(system, "transactions")
    assert (stored["lastMeter"], stored["energyWh"]) == (1700, 700)


async def test_progress_never_reopens_or_changes_what_has_ended(system: System) -> None:
    charge_point = await system.online()
    own = await start(charge_point)
    for value in ("1500", "1700"):
        await charge_point.call("MeterValues", register(value, transactionId=own))
    stop = {"transactionId": own, "meterStop": 1800, "timestamp": ago(0)}
    await charge_point.call("StopTransaction", stop)
    await charge_point.call("MeterValues", register("1900", transactionId=own))
    system.central_system.progress.store()
    await system.central_system.telemetry.close()
    [stored] = await documents(system, "transactions")
    assert (stored["status"], stored["lastMeter"], stored["energyWh"]) == ("Completed", 1700, 800)


async def test_a_connector_below_0_is_taken_as_missing(system: System) -> None:
    charge_point = await system.online()
    transaction_id = await start(charge_point)
    told = register("1500") | {"connectorId": -1, "transactionId": transaction_id}
    assert await charge_point.call("MeterValues", told) == {}
    [stored] = await documents(system, "meter_values")
    assert (stored["connectorId"], stored["transactionId"]) == (1, transaction_id)


async def test_a_missing_connector_is_that_of_the_transaction_or_the_only_one(
    system: System,
) -> None:
    await system.online()
    charge_point = Repaired(system)
    for value in ("1", "2"):
        told = register(value)
        del told["connectorId"]
        await charge_point.call(meter_values.INBOUND, told)
        await system.rest("PATCH", "/admin/charge-points/CP1", {"connectorCount": 1})
    stored = await documents(system, "meter_values")
    assert [one["connectorId"] for one in stored] == [0, 1]
    assert [one["flags"] for one in stored] == [["missingConnector"], []]


async def test_flags_and_claims_of_repaired_payloads_are_kept(system: System) -> None:
    await system.online()
    told = register("1")
    told["meterValue"][0][REPAIR_FLAGS] = ["droppedSample"]
    sent = told | {"transactionId": "x" * 500}
    await Repaired(system).call(meter_values.INBOUND, told, sent)
    [stored] = await documents(system, "meter_values")
    assert (stored["flags"], stored["transactionId"]) == (["droppedSample"], None)
    assert stored["reportedTransactionId"] == "x" * 100
    status, page = await system.rest("GET", "/admin/meter-values")
    assert (status, page["items"][0]["reportedTransactionId"]) == (200, "x" * 100)


async def test_what_is_remembered_of_a_connection_is_bounded(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metering, "MAX_REGISTERS", 5)
    monkeypatch.setattr(running, "MAX_REMEMBERED", 5)
    charge_point = await system.online()
    element = {"timestamp": rfc3339(datetime.now(UTC)), "sampledValue": [{"value": "1"}]}
    for number in range(1, 20):
        start = {"connectorId": number, "idTag": "TAG", "meterStart": 0, "timestamp": "x"}
        await charge_point.call("StartTransaction", start)
        await charge_point.call("MeterValues", {"connectorId": number, "meterValue": [element]})
    connection = system.central_system.sockets._registry.of("CP1")
    assert connection is not None
    meters = connection.meters
    assert len(meters.registers) <= 6
    # All are looked up again, and belong to the connector they are on.
    stored = await documents(system, "meter_values")
    owners = {one["connectorId"]: one["transactionId"] for one in stored}
    begun = await documents(system, "transactions")
    assert owners == {one["connectorId"]: one["_id"] for one in begun}
    assert len(owners) == 19


async def test_sessions_without_a_connector_are_forgotten_when_they_end(system: System) -> None:
    charge_point = await system.online(connectorCount=2)
    element = {"timestamp": rfc3339(datetime.now(UTC)), "sampledValue": [{"value": "1"}]}
    await charge_point.call("MeterValues", {"connectorId": 1, "meterValue": [element]})
    for number in range(5):
        start = {"idTag": "TAG", "meterStart": number, "timestamp": rfc3339(datetime.now(UTC))}
        begun = await charge_point.call("StartTransaction", start)
        stop = {"transactionId": begun["transactionId"], "meterStop": number + 1}
        await charge_point.call("StopTransaction", stop | {"timestamp": start["timestamp"]})
    connection = system.central_system.sockets._registry.of("CP1")
    assert connection is not None and connection.meters.running is not None
    assert len(connection.meters.running) == 1
