"""Certification cases of the profile Firmware Management: updates and diagnostics."""

from __future__ import annotations

import pytest

from tests.certification.kit import Kit, moment

pytestmark = pytest.mark.gen_test

IMAGE = "https://example.org/firmware/v2.bin"
UPLOAD = "https://example.org/upload/"


async def update(kit: Kit) -> None:
    asked = {"location": IMAGE, "retrieveDate": moment()}
    assert await kit.command("UpdateFirmware", asked, {}) == asked


async def tell(kit: Kit, *statuses: str) -> None:
    for status in statuses:
        assert await kit.call("FirmwareStatusNotification", {"status": status}) == {}


async def test_tc_044_1_csms_update(kit: Kit) -> None:
    await update(kit)
    await tell(kit, "Downloading", "Downloaded", "Installing")
    await kit.reconnect()
    await kit.boot(firmwareVersion="2.0")
    await tell(kit, "Installed")
    assert (await kit.system.record())["firmwareVersion"] == "2.0"


async def test_tc_044_2_csms_download_failed(kit: Kit) -> None:
    await update(kit)
    await tell(kit, "Downloading", "DownloadFailed")


async def test_tc_044_3_csms_installation_failed(kit: Kit) -> None:
    await update(kit)
    await tell(kit, "Downloading", "Downloaded", "Installing")
    await kit.reconnect()
    await kit.boot()
    await tell(kit, "InstallationFailed")


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param("Uploaded", id="tc_045_1_csms"),
        pytest.param("UploadFailed", id="tc_045_2_csms"),
    ],
)
async def test_diagnostics(kit: Kit, outcome: str) -> None:
    asked = {"location": UPLOAD}
    assert await kit.command("GetDiagnostics", asked, {"fileName": "diagnostics.zip"}) == asked
    for status in ("Uploading", outcome):
        assert await kit.call("DiagnosticsStatusNotification", {"status": status}) == {}
