"""The local certificate authority, and its commands."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from csms.certificates.authority import (
    CERTIFICATE_FILE,
    KEY_FILE,
    AuthorityError,
    LocalAuthority,
)
from csms.cli import main
from csms.domain.certificate import hash_data, read_request, same_certificate


def request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, name: str) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode()


def test_what_it_signs_is_a_client_certificate_of_its_own(tmp_path: Path) -> None:
    made = LocalAuthority.create(tmp_path / "ca", "root", 10)
    authority = LocalAuthority.load(tmp_path / "ca")
    assert authority is not None and authority.certificate == made.certificate
    key = ec.generate_private_key(ec.SECP256R1())
    pem = authority.sign(read_request(request(key, "CP1"), frozenset({"cp1"})), 5)
    signed = x509.load_pem_x509_certificate(pem.encode())
    signed.verify_directly_issued_by(made.certificate)
    usage = signed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert (signed.not_valid_after_utc - signed.not_valid_before_utc).days == 5


def test_a_server_certificate_is_good_for_its_hosts(tmp_path: Path) -> None:
    authority = LocalAuthority.create(tmp_path, "root", 10)
    pem, _ = authority.issue_server(["csms.example.org", "127.0.0.1"], 5)
    store = Store([authority.certificate])
    verifier = PolicyBuilder().store(store).build_server_verifier(x509.DNSName("csms.example.org"))
    assert verifier.verify(x509.load_pem_x509_certificate(pem), [])


def test_the_key_is_its_owners_alone_and_nothing_is_overwritten(tmp_path: Path) -> None:
    data = ["--data-dir", str(tmp_path)]
    assert main(["ca", "init", *data]) == 0
    files = tmp_path / "ca"
    assert stat.S_IMODE((files / KEY_FILE).stat().st_mode) == 0o600
    before = (files / CERTIFICATE_FILE).read_bytes()
    assert main(["ca", "init", *data]) == 2
    assert (files / CERTIFICATE_FILE).read_bytes() == before
    assert main(["ca", "issue-server", "localhost", *data]) == 0
    assert stat.S_IMODE((files / "server-key.pem").stat().st_mode) == 0o600


def test_without_an_authority_nothing_is_issued(tmp_path: Path) -> None:
    assert LocalAuthority.load(tmp_path) is None
    assert main(["ca", "issue-server", "localhost", "--data-dir", str(tmp_path)]) == 2


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    LocalAuthority.create(tmp_path / "a", "a", 10)
    LocalAuthority.create(tmp_path / "b", "b", 10)
    (tmp_path / "a" / KEY_FILE).replace(tmp_path / "b" / KEY_FILE)
    with pytest.raises(AuthorityError, match="is not the key"):
        LocalAuthority.load(tmp_path / "b")
    (tmp_path / "b" / KEY_FILE).write_text("nonsense")
    with pytest.raises(AuthorityError, match="cannot be read"):
        LocalAuthority.load(tmp_path / "b")


def test_requests_that_are_not_signed() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    good = ec.generate_private_key(ec.SECP256R1())
    for pem, why in (
        ("nonsense", "cannot be read"),
        (request(weak, "CP1"), "RSA of 2048"),
        (request(good, "CP2"), "common name"),
        (request(good, "CP1").replace("A", "B", 3), "cannot be read|not signed"),
    ):
        with pytest.raises(ValueError, match=why):
            read_request(pem, frozenset({"CP1", ""}))


def test_a_certificate_is_known_by_each_hash_in_any_case(tmp_path: Path) -> None:
    certificate = LocalAuthority.create(tmp_path, "root", 10).certificate
    names = hash_data(certificate, certificate)
    assert [name["hashAlgorithm"] for name in names] == ["SHA256", "SHA384", "SHA512"]
    assert [len(name["issuerKeyHash"]) for name in names] == [64, 96, 128]
    for name in names:
        told = {key: value.upper() for key, value in name.items()}
        assert same_certificate(name, told | {"serialNumber": "00" + told["serialNumber"]})
    assert not same_certificate(names[0], names[1])
