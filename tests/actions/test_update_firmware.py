"""UpdateFirmware: sent as it is, and kept as a job that notifications move."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.actions.support import command, documents, jobs, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "UpdateFirmware"
PAYLOAD = {
    "location": "ftp://user:secret@example.org/firmware.bin",
    "retrieveDate": "2026-11-23T10:00:00Z",
}


async def test_it_becomes_a_job(system: System) -> None:
    charge_point = await system.online()
    asked = PAYLOAD | {"retries": 0, "retryInterval": 60}
    assert await command(system, charge_point, ACTION, asked, {}) == asked
    [job] = await jobs(system)
    assert (job["kind"], job["status"], job["ended"]) == ("firmware", "Requested", False)
    assert job["location"] == "ftp://********@example.org/firmware.bin"


async def test_a_status_told_before_the_answer_counts(system: System) -> None:
    charge_point = await system.online()
    body = {"action": ACTION, "payload": PAYLOAD}
    asked = asyncio.ensure_future(system.rest("POST", "/admin/charge-points/CP1/commands", body))
    unique_id, _ = await charge_point.expect(ACTION)
    await charge_point.call("FirmwareStatusNotification", {"status": "Downloading"})
    charge_point.reply(unique_id, {})
    assert (await asked)[0] == 200
    assert [job["status"] for job in await jobs(system)] == ["Downloading"]


async def test_the_password_in_the_url_is_nowhere_but_on_the_wire(system: System) -> None:
    charge_point = await system.online()
    await command(system, charge_point, ACTION, PAYLOAD, {})
    await system.central_system.telemetry.close()
    for collection in ("commands", "messages", "jobs"):
        kept = repr(await documents(system, collection))
        assert "secret" not in kept and "********@example.org" in kept


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"location": "firmware.bin"}, "location"),
        ({"location": "http://"}, "location"),
        ({"location": "ftp://user:pa/ss@host/x.bin"}, "location"),
        ({"retrieveDate": "now"}, "retrieveDate"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_mistakes(system: System, changes: dict[str, Any], field: str) -> None:
    await system.online()
    assert await mistakes(system, ACTION, PAYLOAD | changes) == [field]
