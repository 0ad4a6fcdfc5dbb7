"""SignCertificate: signed by the authority, where there is one and the name is right."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import csr, documents, with_impossible_version
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "SignCertificate"


@pytest.mark.parametrize("name", ["CP1", "sn-1"])
async def test_the_certificate_follows_the_answer(authority_system: System, name: str) -> None:
    system = authority_system
    await system.whitelist(serialNumber="SN-1")
    charge_point = await system.connect()
    await charge_point.boot(chargePointSerialNumber="SN-1")
    assert await charge_point.call(ACTION, {"csr": csr(name)}) == {"status": "Accepted"}
    unique_id, sent = await charge_point.expect("CertificateSigned")
    assert sent["certificateChain"].count("BEGIN CERTIFICATE") == 1
    charge_point.reply(unique_id, {"status": "Accepted"})
    [command] = await documents(system, "commands")
    assert (command["action"], command["requestedBy"]) == ("CertificateSigned", "csms")


@pytest.mark.parametrize("text", ["CP2", ""])
async def test_another_name_or_no_request_is_rejected(authority_system: System, text: str) -> None:
    charge_point = await authority_system.online()
    payload: dict[str, Any] = {"csr": csr(text) if text else "nonsense"}
    assert await charge_point.call(ACTION, payload) == {"status": "Rejected"}


async def test_a_request_of_an_impossible_version_is_rejected(authority_system: System) -> None:
    charge_point = await authority_system.online()
    payload = {"csr": with_impossible_version(csr("CP1"))}
    assert await charge_point.call(ACTION, payload) == {"status": "Rejected"}


async def test_without_an_authority_nothing_is_signed(system: System) -> None:
    charge_point = await system.online()
    assert await charge_point.call(ACTION, {"csr": csr("CP1")}) == {"status": "Rejected"}


async def test_a_name_that_is_only_reported_is_not_certified(authority_system: System) -> None:
    charge_point = await authority_system.online(chargePointSerialNumber="SN-OF-ANOTHER")
    payload = {"csr": csr("SN-OF-ANOTHER")}
    assert await charge_point.call(ACTION, payload) == {"status": "Rejected"}
