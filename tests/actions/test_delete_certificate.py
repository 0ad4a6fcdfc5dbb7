"""DeleteCertificate: by the hashes, in whichever algorithm."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "DeleteCertificate"
INSTALL = "InstallCertificate"


async def statuses(system: System) -> list[str]:
    _, page = await system.rest("GET", "/admin/certificates")
    return [item["status"] for item in page["items"]]


@pytest.mark.parametrize(
    ("answer", "status"),
    [("Accepted", "Deleted"), ("NotFound", "Deleted"), ("Failed", "Installed")],
)
async def test_what_is_deleted_is_noted(
    system: System, answer: str, status: str, root_pem: str, root_hashes: list[dict[str, str]]
) -> None:
    charge_point = await system.online()
    install = {"certificateType": "ManufacturerRootCertificate", "certificate": root_pem}
    await command(system, charge_point, INSTALL, install, {"status": "Accepted"})
    asked = {"certificateHashData": root_hashes[1]}
    assert await command(system, charge_point, ACTION, asked, {"status": answer}) == asked
    assert await statuses(system) == [status]


async def test_a_charge_points_own_certificate_is_not_deleted(
    system: System, root_pem: str
) -> None:
    charge_point = await system.verified()
    asked = {"certificateChain": root_pem}
    await command(system, charge_point, "CertificateSigned", asked, {"status": "Accepted"})
    _, page = await system.rest("GET", "/admin/certificates")
    path = "/admin/certificates/" + page["items"][0]["id"].replace("|", "%7C")
    assert (await system.rest("DELETE", path))[0] == 422
    assert (await system.rest("DELETE", "/admin/certificates/none"))[0] == 404


async def test_mistakes(system: System) -> None:
    payload: dict[str, Any] = {"certificateHashData": {"hashAlgorithm": "MD5"}}
    await system.online()
    assert "certificateHashData.hashAlgorithm" in await mistakes(system, ACTION, payload)
