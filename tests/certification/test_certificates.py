"""Certification cases of certificates, TLS, and the security profiles that stand on them."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from tornado.httpclient import HTTPClientError

from csms.config import Settings
from csms.domain.certificate import hash_data
from tests.certification.kit import ACCEPTED, Kit, Payload, moment
from tests.support.certificates import Certificate, roots, secure, with_tls
from tests.support.system import System

pytestmark = pytest.mark.gen_test

KEY = "sixteen bytes or more"
SERIAL = "SN-0001"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """TLS beside a plain port, with certificates of a local authority."""
    return with_tls(settings, tmp_path)


async def patch(system: System, **fields: Any) -> None:
    status, answer = await system.rest("PATCH", "/admin/charge-points/CP1", fields)
    assert status == 200, answer


async def certificates(system: System) -> list[dict[str, Any]]:
    _, page = await system.rest("GET", "/admin/certificates?chargePointId=CP1")
    return list(page["items"])


async def new_certificate(kit: Kit, certificate: Certificate, answer: Payload) -> str:
    """Have the charge point ask for a certificate over TLS, and answer what it gets."""
    await kit.charge_point.close()
    kit.charge_point = await secure(kit.system)
    await kit.boot(chargePointSerialNumber=SERIAL)
    trigger = {"requestedMessage": "SignChargePointCertificate"}
    assert await kit.command("ExtendedTriggerMessage", trigger, ACCEPTED) == trigger
    assert await kit.call("SignCertificate", {"csr": certificate.csr}) == ACCEPTED
    unique_id, signed = await kit.charge_point.expect("CertificateSigned")
    kit.charge_point.reply(unique_id, answer)
    return str(signed["certificateChain"])


@pytest.mark.parametrize("name", [SERIAL, "CP1"])
async def test_tc_074_csms_new_certificate(kit: Kit, name: str, tmp_path: Path) -> None:
    certificate = Certificate(name)
    chain = await new_certificate(kit, certificate, ACCEPTED)
    signed = x509.load_pem_x509_certificate(chain.encode())
    assert signed.public_key() == certificate.key.public_key()
    assert signed.subject == certificate.request.subject
    await kit.charge_point.close()
    charge_point = await secure(kit.system, **certificate.files(tmp_path, chain))
    await charge_point.call("Heartbeat", {})
    await charge_point.close()
    [kept] = await certificates(kit.system)
    assert (kept["use"], kept["status"]) == ("ChargePointCertificate", "Accepted")


def root() -> tuple[str, list[dict[str, str]]]:
    """A root certificate, and how charge points may name it."""
    pem = trustme.CA().cert_pem.bytes().decode()
    certificate = x509.load_pem_x509_certificate(pem.encode())
    return pem, hash_data(certificate, certificate)


async def install(kit: Kit, use: str, answer: str = "Accepted") -> list[dict[str, str]]:
    pem, names = root()
    asked = {"certificateType": use, "certificate": pem}
    assert await kit.command("InstallCertificate", asked, {"status": answer}) == asked
    return names


async def listed(kit: Kit, use: str, *names: dict[str, str]) -> None:
    asked = {"certificateType": use}
    answer = {"status": "Accepted", "certificateHashData": list(names)} if names else None
    told = answer or {"status": "NotFound"}
    assert await kit.command("GetInstalledCertificateIds", asked, told) == asked


@pytest.mark.parametrize(
    "use",
    [
        pytest.param("ManufacturerRootCertificate", id="tc_075_1_csms"),
        pytest.param("CentralSystemRootCertificate", id="tc_075_2_csms"),
    ],
)
async def test_install(kit: Kit, use: str) -> None:
    names = await install(kit, use)
    await listed(kit, use, names[1])
    [kept] = await certificates(kit.system)
    assert (kept["use"], kept["status"]) == (use, "Installed")
    assert kept["certificateHashData"] == names[1]


@pytest.mark.parametrize("algorithm", [0, 1, 2])
async def test_tc_076_csms_delete(kit: Kit, algorithm: int) -> None:
    use = "ManufacturerRootCertificate"
    names = await install(kit, use)
    await listed(kit, use, names[algorithm])
    [kept] = await certificates(kit.system)
    path = f"/admin/certificates/{kept['id'].replace('|', '%7C')}"
    asked = asyncio.ensure_future(kit.system.rest("DELETE", path))
    unique_id, received = await kit.charge_point.expect("DeleteCertificate")
    assert received == {"certificateHashData": names[algorithm]}
    kit.charge_point.reply(unique_id, ACCEPTED)
    assert (await asked)[0] == 200
    [kept] = await certificates(kit.system)
    assert kept["status"] == "Deleted"


async def test_tc_077_csms_invalid_certificate(kit: Kit) -> None:
    await new_certificate(kit, Certificate(SERIAL), {"status": "Rejected"})
    event = {"type": "InvalidChargePointCertificate", "timestamp": moment()}
    assert await kit.call("SecurityEventNotification", event) == {}
    [kept] = await certificates(kit.system)
    assert kept["status"] == "Rejected"


async def test_tc_078_csms_invalid_root(kit: Kit) -> None:
    await install(kit, "CentralSystemRootCertificate", "Rejected")
    event = {"type": "InvalidCentralSystemCertificate", "timestamp": moment()}
    assert await kit.call("SecurityEventNotification", event) == {}
    [kept] = await certificates(kit.system)
    assert kept["status"] == "Rejected"


async def test_tc_083_csms_higher_profile(kit: Kit) -> None:
    await patch(kit.system, authorizationKey=KEY, securityProfile=1)
    await kit.reconnect(password=KEY)
    asked = {"key": "SecurityProfile", "value": "2"}
    assert await kit.command("ChangeConfiguration", asked, ACCEPTED) == asked
    assert await kit.command("Reset", {"type": "Hard"}, ACCEPTED) == {"type": "Hard"}
    await kit.charge_point.close()
    kit.charge_point = await secure(kit.system, password=KEY)
    await kit.boot()
    await kit.charge_point.close()
    with pytest.raises(HTTPClientError, match="401"):
        await kit.system.connect(password=KEY)
    _, record = await kit.system.rest("GET", "/admin/charge-points/CP1")
    assert record["securityProfile"] == 2
    _, page = await kit.system.rest("GET", "/admin/rejected-connections")
    assert [item["reason"] for item in page["items"]] == ["Security profile too low"]


async def test_tc_086_csms_server_certificate(kit: Kit, tmp_path: Path) -> None:
    await patch(kit.system, authorizationKey=KEY, securityProfile=2)
    await kit.charge_point.close()
    kit.charge_point = await secure(kit.system, password=KEY)
    await kit.boot()
    await kit.charge_point.close()
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    with pytest.raises(ssl.SSLError):
        await secure(kit.system, password=KEY, ca_certs=str(tmp_path / "other.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(roots(kit.system))
    with pytest.deprecated_call():
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await secure(kit.system, password=KEY, ssl_options=context)


async def test_tc_087_csms_client_certificate(kit: Kit, tmp_path: Path) -> None:
    certificate = Certificate(SERIAL)
    chain = await new_certificate(kit, certificate, ACCEPTED)
    await patch(kit.system, securityProfile=3, keepCertificates=True)
    good = certificate.files(tmp_path, chain)
    await kit.charge_point.close()
    kit.charge_point = await secure(kit.system, **good)
    await kit.boot()
    await kit.charge_point.close()
    with pytest.raises(HTTPClientError, match="401"):
        await secure(kit.system)
    await kit.system.whitelist("CP2", serialNumber="SN-0002", securityProfile=3)
    with pytest.raises(HTTPClientError, match="401"):
        await secure(kit.system, "CP2", **good)
    stranger = trustme.CA().issue_cert("localhost", common_name=SERIAL)
    stranger.private_key_and_cert_chain_pem.write_to_path(tmp_path / "stranger.pem")
    with pytest.raises((ssl.SSLError, OSError, HTTPClientError)):
        await secure(kit.system, client_cert=str(tmp_path / "stranger.pem"))


@pytest.mark.parametrize("name", ["SOMEBODY-ELSE", ""])
async def test_a_request_for_another_name_is_rejected(kit: Kit, name: str) -> None:
    certificate = Certificate(name or "x")
    csr = certificate.csr if name else "-----BEGIN CERTIFICATE REQUEST-----\nx\n"
    assert await kit.call("SignCertificate", {"csr": csr}) == {"status": "Rejected"}
