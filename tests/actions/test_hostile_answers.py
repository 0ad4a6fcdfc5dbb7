"""Answers to commands that no charge point should give: none of them fails here, or later."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.system import System

pytestmark = pytest.mark.gen_test

LOCATION = "ftp://example.org/uploads/"
PERIOD = {"startPeriod": 0, "limit": 10}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [PERIOD]},
}
DEEP = "[" * 1000 + "]" * 1000
ANSWERS = {
    "nested": f'{{"status":{DEEP},"listVersion":{DEEP}}}',
    "huge": f'{{"status":"{"A" * 100_000}","filename":"{"f" * 100_000}","fileName":"x"}}',
    "types": '{"status":18446744073709551615,"filename":{"a":1},"fileName":{"$ref":"a","$id":1},'
    '"listVersion":18446744073709551615,"chargingSchedule":5,"certificateHashData":7}',
    "accepted": '{"status":"Accepted","filename":18446744073709551615,"fileName":[1],'
    f'"listVersion":9223372036854775807,"chargingSchedule":{DEEP},"certificateHashData":{DEEP}}}',
    "nothing": "{}",
}
COMMANDS: dict[str, dict[str, Any]] = {
    "GetDiagnostics": {"location": LOCATION},
    "GetLog": {"logType": "SecurityLog", "log": {"remoteLocation": LOCATION}},
    "GetLocalListVersion": {},
    "GetInstalledCertificateIds": {"certificateType": "CentralSystemRootCertificate"},
    "GetCompositeSchedule": {"connectorId": 1, "duration": 60},
    "ReserveNow": {"connectorId": 1, "expiryDate": "2099-01-01T00:00:00Z", "idTag": "TAG"},
    "SetChargingProfile": {"connectorId": 1, "csChargingProfiles": PROFILE},
    "SendLocalList": {"listVersion": 1, "updateType": "Full"},
}
LISTS = ("charge-points/CP1/commands", "jobs", "reservations", "charging-profiles", "certificates")


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_a_hostile_answer_is_no_failure_of_ours(system: System, answer: str) -> None:
    charge_point = await system.online()

    async def ask(path: str, body: dict[str, Any]) -> int:
        asked = asyncio.ensure_future(system.rest("POST", f"/admin/charge-points/CP1/{path}", body))
        while True:
            frame = asyncio.ensure_future(charge_point._calls.get())
            await asyncio.wait((asked, frame), return_when=asyncio.FIRST_COMPLETED)
            if not frame.done():
                frame.cancel()
                return (await asked)[0]
            charge_point.send(f'[3,"{frame.result()[1]}",{answer}]')

    for action, payload in COMMANDS.items():
        assert await ask("commands", {"action": action, "payload": payload}) == 200, action
    assert await ask("composite-schedule", {"connectorId": 1}) == 200
    assert await ask("local-list", {"updateType": "Full"}) == 200
    for name in LISTS:
        status, _ = await system.rest("GET", f"/admin/{name}")
        assert status == 200, name
