"""wss and https with a certificate of one's own."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tornado.httpclient import AsyncHTTPClient

from csms.certificates.authority import LocalAuthority
from csms.config import Settings
from csms.domain.certificate import read_request
from csms.domain.installed_certificate import CertificateStatus, CertificateUse, document
from csms.tls import admin_tls_context, authority_folder, tls_context
from tests.e2e.test_websocket import sent_and_answered
from tests.support.charge_point import ScriptedChargePoint
from tests.support.raw_socket import RawSocket
from tests.support.system import System

KEY = "correct horse battery"


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    return authority


@pytest.fixture
def settings(settings: Settings, authority: trustme.CA, tmp_path: Path) -> Settings:
    files = {"tls_cert": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"}
    return settings.model_copy(update=files)


@pytest.mark.gen_test
async def test_a_charge_point_with_credentials_over_tls(system: System, tmp_path: Path) -> None:
    port = system.central_system.port
    system.http = f"https://localhost:{port}"
    system.http_options = {"ca_certs": str(tmp_path / "ca.pem")}
    await system.whitelist("CP1", authorizationKey=KEY)
    charge_point = await ScriptedChargePoint.connect(
        f"wss://localhost:{port}/ocpp/1.6", "CP1", password=KEY, ca_certs=str(tmp_path / "ca.pem")
    )
    assert (await charge_point.boot())["status"] == "Accepted"
    await charge_point.close()
    with pytest.raises(ssl.SSLError):
        await AsyncHTTPClient().fetch(f"https://localhost:{port}/healthz")


@pytest.mark.gen_test
@pytest.mark.parametrize("first", [0, 20_000, 300_000])
async def test_nothing_behind_the_request_is_lost_whatever_its_size(
    system: System, tmp_path: Path, first: int
) -> None:
    system.http = f"https://localhost:{system.central_system.port}"
    system.http_options = {"ca_certs": str(tmp_path / "ca.pem")}
    await system.whitelist("CP1")
    peer = await RawSocket.dial(
        system.http, ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    )
    await sent_and_answered(peer, first)
    peer.close()


def test_nothing_older_than_tls_12_is_spoken(settings: Settings) -> None:
    context = tls_context(settings)
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_file_that_cannot_be_read_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "key.pem").unlink()
    with pytest.raises(OSError, match=r"key\.pem"):
        tls_context(settings)


class TestClientRoots:
    """Certificates of a company's own authority, and those that SignCertificate gives."""

    @pytest.fixture
    def settings(self, settings: Settings, authority: trustme.CA, tmp_path: Path) -> Settings:
        issued = authority.issue_cert(common_name="CP1")
        issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "of-the-company.pem")
        settings = settings.model_copy(
            update={"tls_client_ca": tmp_path / "ca.pem", "data_dir": tmp_path}
        )
        local = LocalAuthority.create(authority_folder(settings), "local", 10)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CP1")])
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        csr = request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
        signed = local.sign(read_request(csr, frozenset({"CP1"})), 5).encode()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / "from-here.pem").write_bytes(private + signed)
        return settings

    @pytest.mark.gen_test
    async def test_both_are_trusted(self, system: System, tmp_path: Path) -> None:
        port = system.central_system.port
        system.http = f"https://localhost:{port}"
        system.http_options = {"ca_certs": str(tmp_path / "ca.pem")}
        await system.whitelist("CP1", securityProfile=3)
        deps = system.central_system.services.deps
        pem = (
            "-----BEGIN CERT" + (tmp_path / "from-here.pem").read_text().split("-----BEGIN CERT")[1]
        )
        use, status = CertificateUse.CHARGE_POINT, CertificateStatus.ACCEPTED
        await deps.certificates.issue(document("CP1", use, pem, status, deps.clock()))
        for name in ("of-the-company.pem", "from-here.pem"):
            charge_point = await ScriptedChargePoint.connect(
                f"wss://localhost:{port}/ocpp/1.6",
                "CP1",
                ca_certs=str(tmp_path / "ca.pem"),
                client_cert=str(tmp_path / name),
                client_key=str(tmp_path / name),
            )
            assert (await charge_point.boot())["status"] == "Accepted"
            await charge_point.close()


class TestAdminPort:
    """People get a certificate that browsers trust, and are asked for none of theirs."""

    @pytest.fixture
    def settings(self, settings: Settings, tmp_path: Path) -> Settings:
        settings = settings.model_copy(update={"data_dir": tmp_path})
        LocalAuthority.create(authority_folder(settings), "authority", 30)
        public = trustme.CA()
        public.cert_pem.write_to_path(tmp_path / "public-ca.pem")
        issued = public.issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(tmp_path / "admin-cert.pem")
        issued.private_key_pem.write_to_path(tmp_path / "admin-key.pem")
        own = {"admin_tls_cert": "admin-cert.pem", "admin_tls_key": "admin-key.pem"}
        files = {name: tmp_path / file for name, file in own.items()}
        return settings.model_copy(update={"admin_port": 0, **files})

    @pytest.mark.gen_test
    async def test_each_port_shows_its_own_certificate(
        self, system: System, settings: Settings, tmp_path: Path
    ) -> None:
        ports = system.central_system.ports
        for port, ca in ((ports["port"], "ca.pem"), (ports["admin_port"], "public-ca.pem")):
            response = await AsyncHTTPClient().fetch(
                f"https://localhost:{port}/healthz", ca_certs=str(tmp_path / ca)
            )
            assert response.code == 200
        asks, asks_not = tls_context(settings), admin_tls_context(settings)
        assert asks is not None and asks.verify_mode is ssl.CERT_OPTIONAL
        assert asks_not is not None and asks_not.verify_mode is ssl.CERT_NONE
