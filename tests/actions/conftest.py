"""Certificates for the actions of the security extension."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from csms.certificates.authority import CERTIFICATE_FILE, LocalAuthority
from csms.config import Settings
from csms.domain.certificate import hash_data
from csms.tls import authority_folder
from tests.support.system import System


@pytest.fixture(scope="session")
def root_pem(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A root certificate."""
    folder = tmp_path_factory.mktemp("root")
    LocalAuthority.create(folder, "a root", 10)
    return (folder / CERTIFICATE_FILE).read_text()


@pytest.fixture(scope="session")
def root_hashes(root_pem: str) -> list[dict[str, str]]:
    """How charge points may name it."""
    certificate = x509.load_pem_x509_certificate(root_pem.encode())
    return hash_data(certificate, certificate)


@pytest.fixture
def with_authority(settings: Settings, tmp_path: Path) -> Settings:
    """Settings under which there is a certificate authority."""
    settings.data_dir = tmp_path
    LocalAuthority.create(authority_folder(settings), "test authority", 10)
    return settings


@pytest.fixture
def authority_system(with_authority: Settings, system: System) -> System:
    """A central system that has one."""
    return system
