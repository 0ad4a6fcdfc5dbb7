"""SignedFirmwareStatusNotification: with the charge point, and with the job of its request id."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import job_for, jobs
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "SignedFirmwareStatusNotification"


async def test_the_job_with_the_request_id_is_moved(system: System) -> None:
    charge_point = await system.online()
    for request_id in (1, 2):
        await job_for(system, "signedFirmware", request_id)
    for status in ("Downloading", "InvalidSignature"):
        told = {"status": status, "requestId": 1}
        assert await charge_point.call(ACTION, told) == {}
    shown = {job["requestId"]: (job["status"], job["ended"]) for job in await jobs(system)}
    assert shown == {1: ("InvalidSignature", True), 2: ("Requested", False)}
    assert (await system.record())["firmwareStatus"] == "InvalidSignature"


async def test_without_a_request_id_it_is_the_newest(system: System) -> None:
    charge_point = await system.online()
    for request_id in (1, 2):
        await job_for(system, "signedFirmware", request_id)
    await charge_point.call(ACTION, {"status": "Downloading"})
    shown = {job["requestId"]: job["status"] for job in await jobs(system)}
    assert shown == {1: "Requested", 2: "Downloading"}


async def test_a_request_id_as_text_is_that_number(system: System) -> None:
    charge_point = await system.online()
    for request_id in (1, 2):
        await job_for(system, "signedFirmware", request_id)
    await charge_point.call(ACTION, {"status": "Idle", "requestId": " 1"})
    await charge_point.call(ACTION, {"status": "Downloading", "requestId": "1"})
    shown = {job["requestId"]: job["status"] for job in await jobs(system)}
    assert shown == {1: "Downloading", 2: "Requested"}


@pytest.mark.parametrize("payload", [{}, {"status": None}, {"requestId": 1}])
async def test_one_without_a_status_is_refused(system: System, payload: dict[str, Any]) -> None:
    charge_point = await system.online()
    assert (await charge_point.ask(ACTION, payload))[0] == 4
