"""The steps of a charge point, and the one that blocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.domain.onboarding import Step, onboarding

T0 = datetime(2026, 11, 1, tzinfo=UTC)
READY: dict[str, Any] = {
    "_id": "CP1",
    "chargePointIdentity": "CP1",
    "serialNumber": "S1",
    "reportedSerialNumber": "s1 ",
    "isWhitelisted": True,
    "createdAt": T0,
    "ocppSessionId": "x",
    "connectedAt": T0,
    "lastBootAt": T0,
    "configurationReadAt": T0,
    "connectorsSyncedAt": T0,
    "connectors": [{"connectorId": 1, "type": "TYPE_2"}],
}


def states(steps: list[Step]) -> list[str]:
    return [step.state for step in steps]


def blocking(record: dict[str, Any], boot: Any = None, rejection: Any = None) -> Step:
    return next(s for s in onboarding(record, boot, rejection) if s.state == "blocked")


def test_everything_is_done() -> None:
    assert states(onboarding(READY, None, None)) == ["done"] * 6


def test_a_new_record_waits_for_its_charge_point() -> None:
    steps = onboarding({"isWhitelisted": True, "createdAt": T0}, None, None)
    assert states(steps) == ["done", *["waiting"] * 5]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"isWhitelisted": False}, "Whitelisted"),
        ({"ocppSessionId": None, "disconnectedAt": T0}, "Connected"),
        ({"reportedSerialNumber": "S2"}, "Serial checked"),
        ({"connectorSyncError": "NotSupported: "}, "Configuration read"),
        ({"connectors": [{"connectorId": 1, "type": "UNKNOWN"}]}, "Connectors synced"),
        ({"connectors": [], "connectorsSyncedAt": None}, "Connectors synced"),
    ],
)
def test_the_step_that_blocks_has_a_remedy(changes: dict[str, Any], name: str) -> None:
    step = blocking({**READY, **changes})
    assert step.name == name and step.remedy


def test_only_one_step_blocks() -> None:
    record = {**READY, "isWhitelisted": False, "reportedSerialNumber": "S2"}
    assert states(onboarding(record, None, None)).count("blocked") == 1


def test_a_connection_that_was_turned_away_since() -> None:
    record = {**READY, "ocppSessionId": None, "disconnectedAt": T0}
    rejection = {
        "lastSeen": T0 + timedelta(1),
        "reason": "Unauthorized",
        "remoteAddress": "192.0.2.1",
    }
    step = blocking(record, rejection=rejection)
    assert step.values == ("192.0.2.1", "Unauthorized")
    earlier = {**rejection, "lastSeen": T0 - timedelta(1)}
    assert "off line" in blocking(record, rejection=earlier).detail


def test_a_boot_that_was_rejected_since() -> None:
    boot = {
        "verdict": "Rejected",
        "reason": "Serial mismatch",
        "receivedAt": T0 + timedelta(1),
        "payload": {"chargePointSerialNumber": "S9"},
    }
    assert blocking(READY, boot).values == ("Serial mismatch",)


@pytest.mark.parametrize("missing", ["serialNumber", "reportedSerialNumber"])
def test_without_two_serials_there_is_nothing_to_compare(missing: str) -> None:
    assert states(onboarding({**READY, missing: None}, None, None))[3] == "skipped"


def test_a_boot_of_another_edition_says_so() -> None:
    refused = {"refusedCalls": {"BootNotification": {"ocpp201Shaped": 3}}}
    step = blocking({**READY, "lastBootAt": None, "protocolTrouble": refused})
    assert (step.name, step.values) == ("Booted", ("ocpp201Shaped",))
    assert "OCPP 1.6 JSON" in step.remedy
    # It has booted since.
    assert states(onboarding({**READY, "protocolTrouble": refused}, None, None)) == ["done"] * 6


def test_an_away_database_is_no_refused_boot() -> None:
    refused = {"refusedCalls": {"BootNotification": {"InternalError": 3}}}
    steps = onboarding({**READY, "lastBootAt": None, "protocolTrouble": refused}, None, None)
    assert [step.state for step in steps if step.name == "Booted"] == ["waiting"]


CONNECTED = {"ocppSessionId": "x", "connectedAt": T0}


@pytest.mark.parametrize(
    ("times", "state", "said"),
    [(0, "waiting", "has not sent"), (1, "blocked", "(1×)"), (9, "blocked", "asks no more")],
)
def test_one_that_is_connected_and_has_not_booted(times: int, state: str, said: str) -> None:
    asked = {"bootUnanswered": {"times": times, "lastAt": T0}} if times else {}
    step = onboarding({**CONNECTED, **asked}, None, None)[2]
    assert (step.name, step.state) == ("Booted", state)
    assert said in step.detail.format(*step.values) and "Reset" in step.remedy


def test_one_that_is_not_asked_for_its_configuration_any_more() -> None:
    asked = {"connectorSyncError": "late", "configurationUnanswered": {"times": 9, "lastAt": T0}}
    step = blocking({**READY, **asked})
    assert (step.name, step.values) == ("Configuration read", (9,))
    assert "not asked again" in step.detail and "Refresh" in step.remedy
