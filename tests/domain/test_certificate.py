"""Certificates and requests with damaged bytes: a clear answer, never a parser's own exception."""

from __future__ import annotations

import ssl
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.certificate import certificate_fault, read_certificate, read_request
from csms.domain.installed_certificate import document
from tests.actions.support import csr, with_impossible_version

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CERTIFICATE = trustme.CA().cert_pem.bytes().decode()
REQUEST = csr("CP1")


def damaged(pem: str, place: int, value: int) -> str:
    label = pem.split("-----")[1].removeprefix("BEGIN ")
    der = bytearray(ssl.PEM_cert_to_DER_cert(pem.replace(label, "CERTIFICATE")))
    der[place % len(der)] = value
    return ssl.DER_cert_to_PEM_cert(bytes(der)).replace("CERTIFICATE", label)


def test_an_impossible_version_is_told_apart_from_no_certificate_at_all() -> None:
    bad = with_impossible_version(CERTIFICATE)
    assert certificate_fault(CERTIFICATE) is None
    assert "version" in str(certificate_fault(CERTIFICATE + bad))
    assert certificate_fault("nonsense") is None
    assert certificate_fault(ssl.DER_cert_to_PEM_cert(b"nonsense")) is None
    assert read_certificate(bad) is None
    assert document("CP1", "ChargePointCertificate", bad, "Rejected", NOW)["hashes"] == []
    with pytest.raises(ValueError, match="cannot be read"):
        read_request(with_impossible_version(REQUEST), frozenset({"CP1"}))


@given(st.integers(min_value=0), st.integers(0, 255))
def test_no_damaged_byte_escapes(place: int, value: int) -> None:
    certificate_fault(damaged(CERTIFICATE, place, value))
    document("CP1", "ManufacturerRootCertificate", damaged(CERTIFICATE, place, value), "", NOW)
    with suppress(ValueError):
        read_request(damaged(REQUEST, place, value), frozenset({"CP1"}))
