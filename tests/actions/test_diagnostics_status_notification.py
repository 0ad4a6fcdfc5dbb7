"""DiagnosticsStatusNotification: kept with the charge point, and with its newest job."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import job_for, jobs
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "DiagnosticsStatusNotification"


async def test_without_a_job_it_is_kept_with_the_charge_point(system: System) -> None:
    charge_point = await system.online()
    for status in ("Uploading", "Idle"):
        assert await charge_point.call(ACTION, {"status": status}) == {}
        record = await system.record()
        assert record["diagnosticsStatus"] == status
        assert record["diagnosticsStatusAt"] is not None
    assert await jobs(system) == []


async def test_the_newest_job_is_moved(system: System) -> None:
    charge_point = await system.online()
    older, newer = [await job_for(system, "diagnostics") for _ in range(2)]
    for status in ("Uploading", "Uploading", "Idle", "Uploaded"):
        await charge_point.call(ACTION, {"status": status})
    shown = {job["id"]: [step["status"] for step in job["history"]] for job in await jobs(system)}
    assert shown == {older: ["Requested"], newer: ["Requested", "Uploading", "Uploaded"]}
    assert {job["id"]: job["ended"] for job in await jobs(system)} == {older: False, newer: True}


@pytest.mark.parametrize("payload", [{}, {"status": []}, {"state": "Idle"}])
async def test_one_without_a_status_is_refused(system: System, payload: dict[str, Any]) -> None:
    charge_point = await system.online()
    assert (await charge_point.ask(ACTION, payload))[0] == 4
