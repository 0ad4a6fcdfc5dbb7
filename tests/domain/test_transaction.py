"""Transactions: what a stop makes of the record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from csms.domain.id_tag import IdTagInfo
from csms.domain.transaction import abandoned, closed, ended_covering
from csms.domain.transaction_start import Start
from csms.domain.transaction_stop import Stop

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
START = {
    "connectorId": 1, "idTag": "Tag", "meterStart": 100, "timestamp": "2026-11-23T12:00:00Z"
}  # fmt: skip
STOP = {"transactionId": 7, "meterStop": 350, "timestamp": "2026-11-23T12:04:00Z"}


def start(**changes: Any) -> Start:
    return Start.of("cp", "CP1", START | changes, NOW)


def stop(**changes: Any) -> Stop:
    return Stop.of("cp", "CP1", STOP | changes, NOW)


def running(**changes: Any) -> dict[str, Any]:
    return start().document(7, IdTagInfo("Accepted"), NOW) | changes


def test_a_start_is_known_by_its_content() -> None:
    assert start().key == start(idTag="TAG").key
    others = [start(connectorId=2), start(idTag="x"), start(meterStart=1), start(timestamp="x")]
    others.append(Start.of("other", "CP1", START, NOW))
    assert start().key not in {other.key for other in others}


def test_a_start_that_was_refused_still_has_a_record() -> None:
    record = start().document(7, IdTagInfo("Invalid"), NOW)
    assert (record["_id"], record["authorizationStatus"], record["status"]) == (
        7, "Invalid", "Active"
    )  # fmt: skip


def test_a_stop_completes() -> None:
    changes = stop(reason="EVDisconnected", idTag="Other").changes(running(), NOW)
    assert changes == {
        "lastMeter": None, "lastReadingAt": None, "assumedMeterStart": None,
        "assumedMeterStop": None, "rawMeterStop": None, "stopReceivedAt": NOW, "meterStop": 350,
        "stopTimestamp": datetime(2026, 11, 23, 12, 4, tzinfo=UTC),
        "stopReason": "EVDisconnected", "stopIdTag": "Other", "energyWh": 250,
        "status": "Completed", "flags": [], "updatedAt": NOW,
    }  # fmt: skip


def test_impossible_stops_are_flagged_and_taken() -> None:
    changes = stop(meterStop=50, timestamp="2026-11-23T11:58:00Z").changes(running(), NOW)
    assert changes["flags"] == ["meterStopBelowStart", "stopBeforeStart"]
    assert (changes["status"], changes["energyWh"], changes["meterStop"]) == ("Completed", None, 50)


def test_an_orphan_keeps_what_was_sent() -> None:
    orphan = stop(transactionId=-1).orphan(9, NOW)
    assert (orphan["_id"], orphan["reportedTransactionId"]) == (9, -1)
    assert (orphan["status"], orphan["flags"]) == ("Orphaned", ["unknownTransaction"])
    assert stop(transactionId=0).key != stop(transactionId=-1).key


def test_ends_without_a_stop() -> None:
    changes = abandoned(running(lastMeter=180.0), NOW)
    assert (changes["status"], changes["meterStop"], changes["energyWh"]) == ("Abandoned", 180, 80)
    assert changes["flags"] == ["abandoned"]
    changes = closed(running(), "ops", NOW)
    assert (changes["status"], changes["meterStop"], changes["energyWh"]) == ("Closed", None, None)
    assert (changes["flags"], changes["closedBy"]) == (["closedByOperator"], "ops")


def test_the_transaction_that_covers_a_time() -> None:
    def one(number: int, began: int, ended: int | None, status: str) -> dict[str, Any]:
        return {
            "_id": number, "status": status, "startTimestamp": NOW.replace(hour=began),
            "stopTimestamp": None if ended is None else NOW.replace(hour=ended),
        }  # fmt: skip

    newest_first = [one(3, 9, None, "Active"), one(2, 5, 7, "Completed"), one(1, 1, 6, "Abandoned")]
    found = [ended_covering(newest_first, NOW.replace(hour=hour)) for hour in (0, 2, 5, 7, 8, 10)]
    assert [one and one["_id"] for one in found] == [None, 1, 2, 2, None, None]
