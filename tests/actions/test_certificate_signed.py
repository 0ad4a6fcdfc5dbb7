"""CertificateSigned: the certificate is kept with what became of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, mistakes, with_impossible_version
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "CertificateSigned"


async def kept(system: System) -> list[tuple[str, str, str | None]]:
    """Use, status and subject of every certificate on record."""
    _, page = await system.rest("GET", "/admin/certificates?chargePointId=CP1")
    return [(item["use"], item["status"], item["subject"]) for item in page["items"]]


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
async def test_the_certificate_is_kept(system: System, status: str, root_pem: str) -> None:
    charge_point = await system.verified()
    asked = {"certificateChain": root_pem}
    for _ in range(2):
        answer = {"status": status}
        assert await command(system, charge_point, ACTION, asked, answer) == asked
    assert await kept(system) == [("ChargePointCertificate", status, "CN=a root")]


async def test_what_cannot_be_read_is_sent_all_the_same(system: System) -> None:
    charge_point = await system.verified()
    asked = {"certificateChain": "nonsense"}
    assert await command(system, charge_point, ACTION, asked, {"status": "Rejected"}) == asked
    assert await kept(system) == [("ChargePointCertificate", "Rejected", None)]


@pytest.mark.parametrize("payload", [{}, {"certificateChain": "x" * 10_001}])
async def test_mistakes(system: System, payload: dict[str, Any]) -> None:
    await system.online()
    assert await mistakes(system, ACTION, payload) == ["certificateChain"]


async def test_a_certificate_of_an_impossible_version(system: System, root_pem: str) -> None:
    await system.online()
    payload = {"certificateChain": root_pem + with_impossible_version(root_pem)}
    assert await mistakes(system, ACTION, payload) == ["certificateChain"]
