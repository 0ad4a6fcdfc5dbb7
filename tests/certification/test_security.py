"""Certification cases of the security extension and the security profiles."""

from __future__ import annotations

import pytest
from tornado.httpclient import HTTPClientError

from tests.certification.kit import ACCEPTED, Kit, moment

pytestmark = pytest.mark.gen_test

OLD_KEY, NEW_KEY = "the-key-it-has-01", "the-key-it-gets-2"
ROOT = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
IMAGE = "https://example.org/firmware/v2.bin"


async def test_tc_073_csms_new_password(kit: Kit) -> None:
    path = "/admin/charge-points/CP1"
    assert (await kit.system.rest("PATCH", path, {"authorizationKey": OLD_KEY}))[0] == 200
    await kit.reconnect(password=OLD_KEY)
    asked = {"key": "AuthorizationKey", "value": NEW_KEY}
    assert await kit.command("ChangeConfiguration", asked, ACCEPTED) == asked
    await kit.reconnect(password=NEW_KEY)
    await kit.boot()
    await kit.charge_point.close()
    with pytest.raises(HTTPClientError, match="401"):
        await kit.system.connect(password=OLD_KEY)


async def test_tc_079_csms_security_log(kit: Kit) -> None:
    asked = {
        "logType": "SecurityLog",
        "requestId": 7,
        "log": {"remoteLocation": "https://example.org/upload/"},
    }
    assert await kit.command("GetLog", asked, {"status": "Accepted", "filename": "s.log"}) == asked
    for status in ("Uploading", "Uploaded"):
        assert await kit.call("LogStatusNotification", {"status": status, "requestId": 7}) == {}


async def signed_update(kit: Kit, *statuses: str) -> None:
    asked = {
        "requestId": 8,
        "firmware": {
            "location": IMAGE,
            "retrieveDateTime": moment(),
            "signingCertificate": ROOT,
            "signature": "c2lnbmF0dXJl",
        },
    }
    assert await kit.command("SignedUpdateFirmware", asked, ACCEPTED) == asked
    for status in statuses:
        told = {"status": status, "requestId": 8}
        assert await kit.call("SignedFirmwareStatusNotification", told) == {}


async def test_tc_080_csms_secure_update(kit: Kit) -> None:
    await signed_update(
        kit, "Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting"
    )
    await kit.reconnect()
    await kit.boot(firmwareVersion="2.0")
    told = {"type": "FirmwareUpdated", "timestamp": moment()}
    assert await kit.call("SecurityEventNotification", told) == {}
    told = {"status": "Installed", "requestId": 8}
    assert await kit.call("SignedFirmwareStatusNotification", told) == {}


async def test_tc_081_csms_secure_update_with_a_bad_signature(kit: Kit) -> None:
    await signed_update(kit, "Downloading", "Downloaded", "InvalidSignature")
    told = {"type": "InvalidFirmwareSignature", "timestamp": moment()}
    assert await kit.call("SecurityEventNotification", told) == {}


async def test_tc_085_csms_basic_authentication(kit: Kit) -> None:
    await kit.charge_point.close()
    path = "/admin/charge-points/CP1"
    assert (await kit.system.rest("PATCH", path, {"authorizationKey": OLD_KEY}))[0] == 200
    for wrong in (None, "not-this-one-0001"):
        with pytest.raises(HTTPClientError, match="401"):
            await kit.system.connect(password=wrong)
    kit.charge_point = await kit.system.connect(password=OLD_KEY)
    await kit.boot()


async def test_tc_088_csms_sub_protocol(kit: Kit) -> None:
    await kit.charge_point.close()
    for offered in (["ocpp0.1"], ["ocpp2.0.1", "ocpp1.5"]):
        with pytest.raises(HTTPClientError, match="400"):
            await kit.system.connect(subprotocols=offered)
    kit.charge_point = await kit.system.connect(subprotocols=["ocpp0.1", "ocpp1.6"])
    assert kit.charge_point.socket.selected_subprotocol == "ocpp1.6"
    await kit.boot()
