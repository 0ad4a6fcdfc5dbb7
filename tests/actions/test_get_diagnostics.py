"""GetDiagnostics: sent as it is, and kept as a job."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, documents, jobs, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "GetDiagnostics"
PAYLOAD: dict[str, Any] = {"location": "ftp://user:secret@example.org/diagnostics/"}


@pytest.mark.parametrize(
    ("answer", "name", "status", "ended"),
    [
        ({"fileName": "d.zip"}, "d.zip", "Requested", False),
        ({}, None, "NothingToUpload", True),
    ],
)
async def test_it_becomes_a_job(
    system: System, answer: dict[str, Any], name: str | None, status: str, ended: bool
) -> None:
    charge_point = await system.online()
    assert await command(system, charge_point, ACTION, PAYLOAD, answer) == PAYLOAD
    [job] = await jobs(system)
    assert (job["kind"], job["fileName"], job["status"], job["ended"]) == (
        "diagnostics",
        name,
        status,
        ended,
    )


async def test_the_password_in_the_url_is_nowhere_but_on_the_wire(system: System) -> None:
    charge_point = await system.online()
    await command(system, charge_point, ACTION, PAYLOAD, {"fileName": "d.zip"})
    await system.central_system.telemetry.close()
    for collection in ("commands", "messages", "jobs"):
        kept = repr(await documents(system, collection))
        assert "secret" not in kept and "********@example.org" in kept


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"location": "here"}, "location"),
        ({"startTime": "then"}, "startTime"),
        ({"stopTime": "2026-11-23"}, "stopTime"),
    ],
)
async def test_mistakes(system: System, changes: dict[str, Any], field: str) -> None:
    await system.online()
    assert await mistakes(system, ACTION, PAYLOAD | changes) == [field]
