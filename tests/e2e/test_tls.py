"""wss and https with a certificate of one's own."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from tornado.httpclient import AsyncHTTPClient

from csms.config import Settings
from csms.tls import tls_context
from tests.support.charge_point import ScriptedChargePoint
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


def test_nothing_older_than_tls_12_is_spoken(settings: Settings) -> None:
    context = tls_context(settings)
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_file_that_cannot_be_read_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "key.pem").unlink()
    with pytest.raises(OSError, match=r"key\.pem"):
        tls_context(settings)
