"""SignedUpdateFirmware: a job with a request id, given where none is sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, documents, jobs, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "SignedUpdateFirmware"
PAYLOAD: dict[str, Any] = {
    "requestId": 7,
    "firmware": {
        "location": "ftp://user:secret@example.org/firmware.bin",
        "retrieveDateTime": "2026-11-23T10:00:00Z",
        "signingCertificate": "PEM",
        "signature": "c2ln",
    },
}


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        ("Accepted", False),
        ("InvalidCertificate", True),
        ("RevokedCertificate", True),
        ("Rejected", True),
    ],
)
async def test_it_becomes_a_job(system: System, status: str, ended: bool) -> None:
    charge_point = await system.online()
    assert await command(system, charge_point, ACTION, PAYLOAD, {"status": status}) == PAYLOAD
    [job] = await jobs(system)
    assert (job["kind"], job["requestId"]) == ("signedFirmware", 7)
    assert (job["status"], job["ended"]) == (status, ended)


async def test_a_request_id_is_given_where_none_is_sent(system: System) -> None:
    charge_point = await system.online()
    asked = {name: value for name, value in PAYLOAD.items() if name != "requestId"}
    ids = [
        (await command(system, charge_point, ACTION, asked, {"status": "Accepted"}))["requestId"]
        for _ in range(2)
    ]
    assert 0 < ids[0] < ids[1]


async def test_the_password_in_the_url_is_nowhere_but_on_the_wire(system: System) -> None:
    charge_point = await system.online()
    await command(system, charge_point, ACTION, PAYLOAD, {"status": "Accepted"})
    await system.central_system.telemetry.close()
    for collection in ("commands", "messages", "jobs"):
        kept = repr(await documents(system, collection))
        assert "secret" not in kept and "********@example.org" in kept


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"firmware": PAYLOAD["firmware"] | {"location": "x"}}, "firmware.location"),
        (
            {"firmware": PAYLOAD["firmware"] | {"installDateTime": "x"}},
            "firmware.installDateTime",
        ),
        ({"requestId": "7"}, "requestId"),
    ],
)
async def test_mistakes(system: System, changes: dict[str, Any], field: str) -> None:
    await system.online()
    assert await mistakes(system, ACTION, PAYLOAD | changes) == [field]
