"""The certificate authority that charge points' certificates come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from csms.errors import CsmsError

CERTIFICATE_FILE, KEY_FILE, CRL_FILE = "ca-cert.pem", "ca-key.pem", "crl.pem"
CLOCK_SLACK = timedelta(hours=1)
"""Charge points' clocks are not exact: a certificate is good a little before it was made."""

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class AuthorityError(CsmsError):
    """The authority's files are missing, do not fit, or are there already."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """An entry of a revocation list."""

    serial_number: int
    at: datetime
    reason: x509.ReasonFlags | None = None


class CertificateAuthority(Protocol):
    """Signs requests. Another one, such as a company's PKI, needs no more than this."""

    @property
    def name(self) -> str:
        """The issuer in its certificates, as RFC 4514 writes it."""

    def sign(
        self, request: x509.CertificateSigningRequest, days: int, subject: x509.Name | None = None
    ) -> str:
        """A certificate for a charge point as PEM, intermediates after it, without the root.

        `subject` goes in place of the request's. May take a while: it is called off the event loop.
        """

    def has_issued(self, certificate: bytes) -> bool:
        """Whether a certificate, DER, was signed by this authority."""


class LocalAuthority:
    """A root certificate and its key, in two files."""

    def __init__(self, certificate: x509.Certificate, key: Key) -> None:
        self.certificate = certificate
        self._key = key

    @classmethod
    def load(cls, folder: Path) -> LocalAuthority | None:
        """The authority in a folder; None if there is none.

        Raises:
            AuthorityError: a file cannot be read, or the two do not belong together.
        """
        certificate_file, key_file = folder / CERTIFICATE_FILE, folder / KEY_FILE
        if not certificate_file.exists() and not key_file.exists():
            return None
        try:
            certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        except Exception as error:
            raise AuthorityError(f"the authority in {folder} cannot be read: {error}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise AuthorityError(f"{key_file} must hold an RSA or an elliptic key")
        if key.public_key() != certificate.public_key():
            raise AuthorityError(f"{key_file} is not the key of {certificate_file}")
        return cls(certificate, key)

    @classmethod
    def create(cls, folder: Path, common_name: str, days: int) -> LocalAuthority:
        """Make a root certificate and its key, and write them into a folder.

        Raises:
            AuthorityError: there is an authority already.
            OSError: the files cannot be written.
        """
        if (folder / CERTIFICATE_FILE).exists() or (folder / KEY_FILE).exists():
            raise AuthorityError(f"there is an authority in {folder} already; it is left as it is")
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate = (
            _builder(name, name, key.public_key(), days)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_secret(folder / KEY_FILE, _pem_of(key))
        (folder / CERTIFICATE_FILE).write_bytes(_pem(certificate))
        return cls(certificate, key)

    @property
    def name(self) -> str:
        """The issuer in its certificates, as RFC 4514 writes it."""
        return self.certificate.subject.rfc4514_string()

    def sign(
        self, request: x509.CertificateSigningRequest, days: int, subject: x509.Name | None = None
    ) -> str:
        """A client certificate with the request's key, and its subject if no other is given."""
        subject = subject or request.subject
        builder = _builder(subject, self.certificate.subject, request.public_key(), days)
        certificate = self._finish(builder, ExtendedKeyUsageOID.CLIENT_AUTH)
        return _pem(certificate).decode()

    def has_issued(self, certificate: bytes) -> bool:
        """Whether a certificate, DER, was signed by this authority."""
        try:
            x509.load_der_x509_certificate(certificate).verify_directly_issued_by(self.certificate)
        except Exception:
            # What cannot be read was not made here; the parser raises more than ValueError.
            return False
        return True

    def revocation_list(
        self, revoked: Iterable[Revoked], number: int, now: datetime, until: datetime
    ) -> bytes:
        """A certificate revocation list (RFC 5280, 5) as PEM; `until` is its next update."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - CLOCK_SLACK)
            .next_update(until)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(_issuer_key(self.certificate), critical=False)
        )
        for one in revoked:
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(one.serial_number)
                .revocation_date(one.at)
            )
            if one.reason is not None:
                entry = entry.add_extension(x509.CRLReason(one.reason), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue_server(self, hosts: list[str], days: int) -> tuple[bytes, bytes]:
        """A server certificate for these host names and addresses, and its key, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
        builder = _builder(name, self.certificate.subject, key.public_key(), days)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
        )
        certificate = self._finish(builder, ExtendedKeyUsageOID.SERVER_AUTH)
        return _pem(certificate), _pem_of(key)

    def _finish(
        self, builder: x509.CertificateBuilder, purpose: x509.ObjectIdentifier
    ) -> x509.Certificate:
        return (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(_issuer_key(self.certificate), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first moment on."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(content)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: object, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SLACK)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key),  # type: ignore[arg-type]
            critical=False,
        )
    )


def _issuer_key(certificate: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(
        certificate.public_key()  # type: ignore[arg-type]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=not signs_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_of(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
