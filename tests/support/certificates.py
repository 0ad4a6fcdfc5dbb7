"""TLS with a local authority, and charge points with keys and certificates of their own."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from csms.certificates.authority import CERTIFICATE_FILE, LocalAuthority
from csms.config import Settings
from csms.domain.certificate import fingerprint
from csms.tls import authority_folder
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System

_numbers = count(1)


def with_tls(settings: Settings, folder: Path) -> Settings:
    """Settings with TLS beside a plain port, with certificates of a local authority."""
    settings = settings.model_copy(update={"data_dir": folder})
    authority = LocalAuthority.create(authority_folder(settings), "test authority", 10)
    certificate, key = authority.issue_server(["localhost"], 5)
    (folder / "cert.pem").write_bytes(certificate)
    (folder / "key.pem").write_bytes(key)
    files = {"tls_cert": folder / "cert.pem", "tls_key": folder / "key.pem"}
    return settings.model_copy(update={**files, "tls_port": 0})


class Certificate:
    """A key of the charge point's, its request, and what came of it."""

    def __init__(self, common_name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        self.request = builder.sign(self.key, hashes.SHA256())
        self.chain = ""

    @property
    def csr(self) -> str:
        """The request as PEM."""
        return self.request.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def signed(self) -> x509.Certificate:
        """What the authority has made of it."""
        return x509.load_pem_x509_certificate(self.chain.encode())

    @property
    def fingerprint(self) -> str:
        """Of what the authority has made."""
        return fingerprint(self.signed)

    def files(self, folder: Path, chain: str | None = None) -> dict[str, str]:
        """The certificate and key as files, as a TLS client takes them."""
        name = f"client-{next(_numbers)}"
        (folder / f"{name}-cert.pem").write_text(chain or self.chain)
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (folder / f"{name}-key.pem").write_bytes(key)
        return {
            "client_cert": str(folder / f"{name}-cert.pem"),
            "client_key": str(folder / f"{name}-key.pem"),
        }


def roots(system: System) -> str:
    """The file of the local authority's root."""
    return str(authority_folder(system.central_system.settings) / CERTIFICATE_FILE)


async def secure(system: System, identity: str = "CP1", **options: Any) -> ScriptedChargePoint:
    """A connection over TLS that trusts the local authority."""
    url = f"wss://localhost:{system.central_system.tls_port}/ocpp/1.6"
    options.setdefault("ca_certs", roots(system))
    charge_point = await ScriptedChargePoint.connect(url, identity, **options)
    system.will_disconnect(charge_point)
    return charge_point


async def sign(
    charge_point: ScriptedChargePoint, common_name: str, answer: str = "Accepted"
) -> Certificate:
    """Have a certificate made, which the charge point answers so."""
    certificate = Certificate(common_name)
    accepted = await charge_point.call("SignCertificate", {"csr": certificate.csr})
    assert accepted == {"status": "Accepted"}
    unique_id, sent = await charge_point.expect("CertificateSigned")
    certificate.chain = sent["certificateChain"]
    charge_point.reply(unique_id, {"status": answer})
    return certificate


async def refusal(charge_point: ScriptedChargePoint, common_name: str) -> str:
    """Ask for a certificate in vain."""
    csr = Certificate(common_name).csr
    answer = await asyncio.wait_for(charge_point.call("SignCertificate", {"csr": csr}), 30)
    return str(answer["status"])
