"""UpdateFirmware, GetDiagnostics, GetLog, SignedUpdateFirmware: jobs at any URL, and mistakes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.actions.support import command, documents, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

FTP = "ftp://user:secret@example.org/firmware.bin"
WHEN = "2026-11-23T10:00:00Z"
FIRMWARE = {
    "location": FTP,
    "retrieveDateTime": WHEN,
    "signingCertificate": "PEM",
    "signature": "c2ln",
}
UPDATE = {"location": FTP, "retrieveDate": WHEN}
LOG = {"logType": "SecurityLog", "log": {"remoteLocation": FTP}}


async def jobs(system: System, query: str = "") -> list[dict[str, Any]]:
    return list((await system.rest("GET", f"/admin/jobs?{query}"))[1]["items"])


@pytest.mark.parametrize(
    ("action", "payload", "answer", "kind", "status"),
    [
        ("UpdateFirmware", UPDATE, {}, "firmware", "Requested"),
        ("GetDiagnostics", {"location": FTP}, {"fileName": "f"}, "diagnostics", "Requested"),
        ("GetDiagnostics", {"location": FTP}, {}, "diagnostics", "NothingToUpload"),
        ("GetLog", LOG | {"requestId": 7}, {"status": "Accepted"}, "log", "Accepted"),
        ("GetLog", LOG | {"requestId": 7}, {"status": "Rejected"}, "log", "Rejected"),
        ("SignedUpdateFirmware", {"requestId": 7, "firmware": FIRMWARE},
         {"status": "InvalidCertificate"}, "signedFirmware", "InvalidCertificate"),
    ],
)  # fmt: skip
async def test_a_job_is_kept_without_the_password(
    system: System,
    action: str,
    payload: dict[str, Any],
    answer: dict[str, Any],
    kind: str,
    status: str,
) -> None:
    charge_point = await system.online()
    assert await command(system, charge_point, action, payload, answer) == payload
    [job] = await jobs(system)
    assert (job["kind"], job["status"], job["requestId"]) == (
        kind,
        status,
        payload.get("requestId"),
    )
    assert job["location"] == "ftp://********@example.org/firmware.bin"
    await system.central_system.telemetry.close()
    for collection in ("commands", "messages", "jobs"):
        assert "secret" not in repr(await documents(system, collection))


@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        ("GetLog", LOG, {"status": "Accepted"}),
        ("SignedUpdateFirmware", {"firmware": FIRMWARE}, {"status": "Accepted"}),
    ],
)
async def test_a_request_id_is_given_where_none_is_sent(
    system: System, action: str, payload: dict[str, Any], answer: dict[str, Any]
) -> None:
    charge_point = await system.online()
    ids = [
        (await command(system, charge_point, action, payload, answer))["requestId"]
        for _ in range(2)
    ]
    assert 0 < ids[0] < ids[1]


async def test_a_status_belongs_to_the_job_with_its_request_id(system: System) -> None:
    charge_point = await system.online()
    for request_id in (1, 2):
        asked = {"requestId": request_id, "firmware": FIRMWARE}
        await command(system, charge_point, "SignedUpdateFirmware", asked, {"status": "Accepted"})
    told = {"status": "InvalidSignature", "requestId": 1}
    assert await charge_point.call("SignedFirmwareStatusNotification", told) == {}
    shown = {job["requestId"]: (job["status"], job["ended"]) for job in await jobs(system)}
    assert shown == {1: ("InvalidSignature", True), 2: ("Accepted", False)}
    assert [j["requestId"] for j in await jobs(system, "ended=true&kind=signedFirmware")] == [1]


async def test_a_status_that_no_job_is_for_is_kept_with_the_charge_point(system: System) -> None:
    charge_point = await system.online()
    await charge_point.call("FirmwareStatusNotification", {"status": "Installing"})
    await charge_point.call("DiagnosticsStatusNotification", {"status": "Idle"})
    await charge_point.call("LogStatusNotification", {"status": "Idle", "requestId": 3})
    record = await system.record()
    assert record["firmwareStatus"] == "Installing"
    assert (record["diagnosticsStatus"], record["logStatus"]) == ("Idle", "Idle")
    assert await jobs(system) == []


async def test_a_status_told_before_the_answer_counts(system: System) -> None:
    charge_point = await system.online()
    body = {"action": "UpdateFirmware", "payload": UPDATE}
    path = "/admin/charge-points/CP1/commands"
    asked = asyncio.ensure_future(system.rest("POST", path, body))
    unique_id, _ = await charge_point.expect("UpdateFirmware")
    await charge_point.call("FirmwareStatusNotification", {"status": "Downloading"})
    charge_point.reply(unique_id, {})
    assert (await asked)[0] == 200
    [job] = await jobs(system)
    assert job["status"] == "Downloading"


@pytest.mark.parametrize(
    ("action", "payload", "field"),
    [
        ("UpdateFirmware", UPDATE | {"location": "firmware.bin"}, "location"),
        ("UpdateFirmware", UPDATE | {"retrieveDate": "now"}, "retrieveDate"),
        ("UpdateFirmware", UPDATE | {"retries": -1}, "retries"),
        ("UpdateFirmware", {"location": FTP}, "retrieveDate"),
        ("GetDiagnostics", {"location": "http://"}, "location"),
        ("GetDiagnostics", {"location": FTP, "stopTime": "later"}, "stopTime"),
        ("GetLog", LOG | {"logType": "Diary"}, "logType"),
        ("GetLog", LOG | {"log": {"remoteLocation": "here"}}, "log.remoteLocation"),
        ("SignedUpdateFirmware", {"firmware": {}}, "firmware.location"),
        ("SignedUpdateFirmware", {"firmware": FIRMWARE | {"installDateTime": "x"}},
         "firmware.installDateTime"),
    ],
)  # fmt: skip
async def test_mistakes(system: System, action: str, payload: dict[str, Any], field: str) -> None:
    await system.online()
    assert field in await mistakes(system, action, payload)
