"""InstallCertificate: the root is kept with what became of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, mistakes, with_impossible_version
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "InstallCertificate"
USE = "ManufacturerRootCertificate"


async def kept(system: System) -> list[tuple[str, str, str | None]]:
    """Use, status and subject of every certificate on record."""
    _, page = await system.rest("GET", "/admin/certificates?chargePointId=CP1")
    return [(item["use"], item["status"], item["subject"]) for item in page["items"]]


@pytest.mark.parametrize(
    ("answer", "status"),
    [("Accepted", "Installed"), ("Failed", "Failed"), ("Rejected", "Rejected")],
)
async def test_the_root_is_kept(system: System, answer: str, status: str, root_pem: str) -> None:
    charge_point = await system.online()
    asked = {"certificateType": USE, "certificate": root_pem}
    assert await command(system, charge_point, ACTION, asked, {"status": answer}) == asked
    assert await kept(system) == [(USE, status, "CN=a root")]


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"certificateType": USE}, "certificate"),
        ({"certificateType": "V2GRootCertificate", "certificate": "x"}, "certificateType"),
        ({"certificateType": USE, "certificate": "x" * 5501}, "certificate"),
    ],
)
async def test_mistakes(system: System, payload: dict[str, Any], field: str) -> None:
    await system.online()
    assert await mistakes(system, ACTION, payload) == [field]


async def test_a_certificate_of_an_impossible_version(system: System, root_pem: str) -> None:
    await system.online()
    payload = {"certificateType": USE, "certificate": with_impossible_version(root_pem)}
    assert await mistakes(system, ACTION, payload) == ["certificate"]
