"""Certification cases of the profile Remote Trigger."""

from __future__ import annotations

import pytest

from tests.certification.kit import ACCEPTED, Kit, Payload

pytestmark = pytest.mark.gen_test

MESSAGES: dict[str, Payload] = {
    "MeterValues": {
        "connectorId": 1,
        "meterValue": [
            {
                "timestamp": "2026-01-01T00:00:00Z",
                "sampledValue": [{"value": "1", "context": "Trigger"}],
            }
        ],
    },
    "Heartbeat": {},
    "StatusNotification": {"connectorId": 1, "status": "Available", "errorCode": "NoError"},
    "DiagnosticsStatusNotification": {"status": "Idle"},
    "FirmwareStatusNotification": {"status": "Idle"},
}


async def test_tc_054_csms_trigger_message(kit: Kit) -> None:
    for action, message in MESSAGES.items():
        asked = {"requestedMessage": action}
        assert await kit.command("TriggerMessage", asked, ACCEPTED) == asked
        await kit.call(action, message)


async def test_tc_055_csms_trigger_message_rejected(kit: Kit) -> None:
    asked = {"requestedMessage": "MeterValues", "connectorId": 1}
    await kit.command("TriggerMessage", asked, {"status": "Rejected"})
