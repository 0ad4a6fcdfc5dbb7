"""X.509 certificates and requests, as OCPP's security extension uses them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from csms.domain.text import fold_text

MIN_RSA_BITS, MIN_EC_BITS = 2048, 224

_ALGORITHMS: Mapping[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
_PEM_CERTIFICATE = re.compile(
    r"-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END \1?CERTIFICATE-----"
)

OTHER_NAME = (
    "the common name must be the charge point's serial number or identity, as it was entered here"
)

HashData = dict[str, str]
"""A CertificateHashDataType: hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber."""


def common_names(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """The common names of the subject of a certificate as `ssl` shows it."""
    subject = (certificate or {}).get("subject", ())
    return frozenset(str(value) for part in subject for name, value in part if name == "commonName")


def read_request(pem: str, names: frozenset[str]) -> x509.CertificateSigningRequest:
    """A certificate signing request that may be signed for a charge point of one of these names.

    Raises:
        ValueError: it may not; the text says why.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key = request.public_key()
        is_signed = request.is_signature_valid
        common_names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except Exception as error:
        # What the parser raises for hostile bytes is not always a ValueError.
        raise ValueError(f"the request cannot be read: {error}") from None
    if not is_signed:
        raise ValueError("the request is not signed with its own key")
    if isinstance(key, rsa.RSAPublicKey):
        strong = key.key_size >= MIN_RSA_BITS
    else:
        strong = isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= MIN_EC_BITS
    if not strong:
        raise ValueError(f"the key must be RSA of {MIN_RSA_BITS} bits or more, or elliptic")
    if len({str(part.value) for part in common_names}) != 1 or _entered(request, names) is None:
        raise ValueError(OTHER_NAME)
    return request


def certified_subject(request: x509.CertificateSigningRequest, names: frozenset[str]) -> x509.Name:
    """The subject to certify: that of the request, with its common name as ops have entered it.

    Who verifies the certificate elsewhere may compare letter by letter.
    """
    name = _entered(request, names)
    assert name is not None, "the request was not read with these names"
    return x509.Name(
        x509.NameAttribute(part.oid, name) if part.oid == NameOID.COMMON_NAME else part
        for part in request.subject
    )


def _entered(request: x509.CertificateSigningRequest, names: frozenset[str]) -> str | None:
    """The name that a request asks for, as it was entered; one that is written so goes first."""
    asked = {str(p.value) for p in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
    by_fold = {fold_text(name.strip()): name for name in sorted(names) if name.strip()}
    by_fold |= {fold_text(name.strip()): name for name in asked & names}
    return next((by_fold[f] for f in (fold_text(a.strip()) for a in asked) if f in by_fold), None)


def read_certificate(pem: str) -> x509.Certificate | None:
    """The first certificate of a PEM text; None if there is none that can be read."""
    try:
        return _whole(x509.load_pem_x509_certificate(pem.encode()))
    except Exception:
        # What the parser raises for hostile bytes is not always a ValueError.
        return None


def certificate_fault(pem: str) -> str | None:
    """Why a certificate in a PEM text cannot be what it says; None if there is no such certificate.

    What has not even the structure of a certificate is left to the charge point to refuse.
    """
    for block in _PEM_CERTIFICATE.finditer(pem):
        try:
            certificate = x509.load_pem_x509_certificate(block[0].encode())
        except ValueError:
            continue
        except Exception as error:
            return str(error) or type(error).__name__
        try:
            _whole(certificate)
        except Exception as error:
            return str(error) or type(error).__name__
    return None


def _whole(certificate: x509.Certificate) -> x509.Certificate:
    """The certificate, once every field that is used of it was parsed: parsing is lazy.

    Raises:
        Exception: a field cannot be read.
    """
    summary(certificate)
    hash_data(certificate, certificate)
    return certificate


def fingerprint(certificate: x509.Certificate) -> str:
    """What tells certificates apart: SHA-256 in hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def hash_data(certificate: x509.Certificate, issuer: x509.Certificate) -> list[HashData]:
    """How a charge point may name a certificate: one entry for each hash algorithm of OCPP."""
    name = issuer.subject.public_bytes()
    key = issuer.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    bits = _public_key_bits(key)
    return [
        {
            "hashAlgorithm": algorithm,
            "issuerNameHash": _digest(name, used),
            "issuerKeyHash": _digest(bits, used),
            "serialNumber": f"{certificate.serial_number:x}",
        }
        for algorithm, used in _ALGORITHMS.items()
    ]


def same_certificate(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two CertificateHashDataTypes name the same certificate, whatever their case."""
    fields = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")
    return all(_folded(one[field]) == _folded(other[field]) for field in fields)


def summary(certificate: x509.Certificate) -> dict[str, Any]:
    """What people want to know of a certificate."""
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serialNumber": f"{certificate.serial_number:x}",
        "notBefore": certificate.not_valid_before_utc.astimezone(UTC),
        "notAfter": certificate.not_valid_after_utc.astimezone(UTC),
        "fingerprint": fingerprint(certificate),
    }


def _folded(value: object) -> str:
    # Serial numbers are told with and without leading zeros.
    return str(value).casefold().lstrip("0")


def _digest(data: bytes, algorithm: hashes.HashAlgorithm) -> str:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize().hex()


def _public_key_bits(info: bytes) -> bytes:
    """The key itself in a SubjectPublicKeyInfo: its BIT STRING without tag, length and padding."""
    _, content, _ = _element(info)
    _, _, rest = _element(content)
    _, bits, _ = _element(rest)
    return bits[1:]


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """The tag and content of the first DER element, and what follows it."""
    length, start = der[1], 2
    if length & 0x80:
        width = length & 0x7F
        length, start = int.from_bytes(der[2 : 2 + width], "big"), 2 + width
    return der[0], der[start : start + length], der[start + length :]
