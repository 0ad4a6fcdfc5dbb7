"""GetInstalledCertificateIds: the list is compared with what was installed from here."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, mistakes
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "GetInstalledCertificateIds"
USE = "CentralSystemRootCertificate"
ASKED = {"certificateType": USE}
OTHERS = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "0c",
}


async def statuses(system: System) -> dict[str, str]:
    _, page = await system.rest("GET", "/admin/certificates")
    return {item["subject"] or "unknown": item["status"] for item in page["items"]}


async def test_what_is_listed_and_what_is_not_any_more(
    system: System, root_pem: str, root_hashes: list[dict[str, str]]
) -> None:
    charge_point = await system.online()
    install = {"certificateType": USE, "certificate": root_pem}
    accepted = {"status": "Accepted"}
    await command(system, charge_point, "InstallCertificate", install, accepted)
    told = accepted | {"certificateHashData": [root_hashes[2], OTHERS]}
    assert await command(system, charge_point, ACTION, ASKED, told) == ASKED
    assert await statuses(system) == {"CN=a root": "Installed", "unknown": "Reported"}
    told = accepted | {"certificateHashData": [OTHERS]}
    await command(system, charge_point, ACTION, ASKED, told)
    assert await statuses(system) == {"CN=a root": "Deleted", "unknown": "Reported"}
    await command(system, charge_point, ACTION, ASKED, {"status": "NotFound"})
    assert await statuses(system) == {"CN=a root": "Deleted", "unknown": "Deleted"}


async def test_a_list_that_breaks_its_schema_changes_nothing(system: System) -> None:
    charge_point = await system.online()
    told = {"status": "Accepted", "certificateHashData": [{"serialNumber": 1}]}
    await command(system, charge_point, ACTION, ASKED, told)
    assert await statuses(system) == {}


async def test_mistakes(system: System) -> None:
    payload: dict[str, Any] = {"certificateType": "All"}
    await system.online()
    assert await mistakes(system, ACTION, payload) == ["certificateType"]
