"""SignCertificate: signed by the authority for whom ops know, over TLS, and not too often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import NameOID

from csms.config import Settings
from tests.actions.support import csr, documents, with_impossible_version
from tests.support.certificates import refusal, secure, sign, with_tls
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

ACTION = "SignCertificate"
KEY = "sixteen bytes or more"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """TLS, and an authority."""
    return with_tls(settings, tmp_path)


async def online(system: System, *, serial: str = "SN-1", **fields: Any) -> ScriptedChargePoint:
    """A charge point that is known over TLS, by its serial or its password."""
    await system.whitelist(serialNumber=serial, **fields)
    charge_point = await secure(system, password=fields.get("authorizationKey"))
    await charge_point.boot(chargePointSerialNumber=serial)
    return charge_point


async def reason(system: System) -> str:
    """Why the last certificate was refused, as REST shows it."""

    async def read() -> Any:
        return (await system.rest("GET", "/admin/charge-points/CP1"))[1]

    record = await eventually(read, lambda one: one["certificateRefusedReason"])
    assert record["certificateRefusedAt"] is not None
    return str(record["certificateRefusedReason"])


@pytest.mark.parametrize(("asked", "made"), [("CP1", "CP1"), ("SN-1", "SN-1"), ("sn-1", "SN-1")])
async def test_the_certificate_follows_the_answer(system: System, asked: str, made: str) -> None:
    charge_point = await online(system)
    certificate = await sign(charge_point, asked)
    assert certificate.chain.count("BEGIN CERTIFICATE") == 1
    names = certificate.signed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    # As ops have entered it, whatever its case was in the request.
    assert [name.value for name in names] == [made]
    [command] = await documents(system, "commands")
    assert (command["action"], command["requestedBy"]) == ("CertificateSigned", "csms")
    [stored] = await documents(system, "certificates")
    assert (stored["chargePointId"], stored["fingerprint"]) == ("CP1", certificate.fingerprint)


@pytest.mark.parametrize("text", ["CP2", ""])
async def test_another_name_or_no_request_is_rejected(system: System, text: str) -> None:
    charge_point = await online(system)
    payload: dict[str, Any] = {"csr": csr(text) if text else "nonsense"}
    assert await charge_point.call(ACTION, payload) == {"status": "Rejected"}
    assert ("as it was entered" if text else "cannot be read") in await reason(system)


async def test_a_request_of_an_impossible_version_is_rejected(system: System) -> None:
    charge_point = await online(system)
    payload = {"csr": with_impossible_version(csr("CP1"))}
    assert await charge_point.call(ACTION, payload) == {"status": "Rejected"}


async def test_a_name_that_is_only_reported_is_not_certified(system: System) -> None:
    await system.whitelist(authorizationKey=KEY)
    charge_point = await secure(system, password=KEY)
    await charge_point.boot(chargePointSerialNumber="SN-OF-ANOTHER")
    assert await refusal(charge_point, "SN-OF-ANOTHER") == "Rejected"


async def test_over_a_plain_socket_none_is_given(system: System) -> None:
    await system.whitelist(serialNumber="SN-1", authorizationKey=KEY)
    charge_point = await system.connect(password=KEY)
    await charge_point.boot(chargePointSerialNumber="SN-1")
    assert await refusal(charge_point, "CP1") == "Rejected"
    assert "not connected over TLS" in await reason(system)


async def test_the_identity_alone_is_not_enough(system: System) -> None:
    await system.whitelist(serialNumber="SN-1")
    charge_point = await secure(system)
    await charge_point.boot()
    assert await refusal(charge_point, "CP1") == "Rejected"
    assert "has not booted on this connection with the serial" in await reason(system)
    await charge_point.boot(chargePointSerialNumber=" sn-1")
    await sign(charge_point, "CP1")
    # On the next connection it is not known yet who stands there.
    await charge_point.close()
    charge_point = await secure(system)
    assert await refusal(charge_point, "CP1") == "Rejected"


async def test_a_record_that_nobody_could_be_known_by(system: System) -> None:
    await system.whitelist()
    charge_point = await secure(system)
    await charge_point.boot(chargePointSerialNumber="SN-1")
    assert await refusal(charge_point, "CP1") == "Rejected"
    assert "neither an authorization key nor a serial number" in await reason(system)


async def test_a_password_is_enough_until_another_is_set(system: System) -> None:
    await system.whitelist(authorizationKey=KEY)
    charge_point = await secure(system, password=KEY)
    await charge_point.boot()
    await sign(charge_point, "CP1")
    path = "/admin/charge-points/CP1"
    assert (await system.rest("PATCH", path, {"authorizationKey": KEY + "!"}))[0] == 200
    assert await refusal(charge_point, "CP1") == "Rejected"
    assert "authorization key that is on record now" in await reason(system)


async def test_a_profile_that_was_raised_since(system: System) -> None:
    charge_point = await online(system)
    path = "/admin/charge-points/CP1"
    assert (await system.rest("PATCH", path, {"securityProfile": 2}))[0] == 200
    assert await refusal(charge_point, "CP1") == "Rejected"
    assert "higher security profile" in await reason(system)


async def test_a_serial_that_was_changed_since(system: System) -> None:
    charge_point = await online(system)
    path = "/admin/charge-points/CP1"
    assert (await system.rest("PATCH", path, {"serialNumber": "SN-2"}))[0] == 200
    assert await refusal(charge_point, "CP1") == "Rejected"


class TestLimit:
    """How often one charge point may ask."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_certificate_requests": 2})

    async def test_more_are_rejected_and_alarmed(self, system: System) -> None:
        charge_point = await online(system)
        await sign(charge_point, "CP1")
        assert await refusal(charge_point, "CP9") == "Rejected"
        for _ in range(2):
            assert await refusal(charge_point, "CP1") == "Rejected"
        assert "more often within a day" in await reason(system)

        async def alarms() -> list[dict[str, Any]]:
            return await documents(system, "alarms")

        [alarm] = await eventually(alarms, bool)
        assert (alarm["kind"], alarm["chargePointId"]) == ("certificateRequests", "CP1")
        # A day later it may ask again, and the alarm ends.
        day_before = {"certificateRequests.since": {"$add": ["$certificateRequests.since", -1]}}
        day_before["certificateRequests.since"]["$add"][1] = -24 * 3600 * 1000
        await system.database.charge_points.update_one({"_id": "CP1"}, [{"$set": day_before}])
        await sign(charge_point, "CP1")
        await eventually(alarms, lambda found: found[0]["closedAt"] is not None)
        _, record = await system.rest("GET", "/admin/charge-points/CP1")
        assert record["certificateRefusedReason"] is None

    async def test_who_plays_it_does_not_use_up_what_it_may_ask_for(self, system: System) -> None:
        await (await online(system)).close()
        impostor = await secure(system)
        for _ in range(4):
            assert await refusal(impostor, "CP1") == "Rejected"
        assert "has not booted" in await reason(system)

        async def alarms() -> list[dict[str, Any]]:
            return await documents(system, "alarms")

        [alarm] = await eventually(alarms, bool)
        assert (alarm["kind"], alarm["chargePointId"]) == ("certificateRequests", "CP1")
        await impostor.close()
        charge_point = await secure(system)
        await charge_point.boot(chargePointSerialNumber="SN-1")
        await sign(charge_point, "CP1")


class TestWithoutAuthority:
    """Nobody who could sign."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        (settings.data_dir / "ca").rename(settings.data_dir / "elsewhere")
        return settings

    async def test_nothing_is_signed(self, system: System) -> None:
        await system.whitelist(serialNumber="SN-1")
        root = str(system.central_system.settings.data_dir / "elsewhere" / "ca-cert.pem")
        charge_point = await secure(system, ca_certs=root)
        await charge_point.boot(chargePointSerialNumber="SN-1")
        assert await refusal(charge_point, "CP1") == "Rejected"
        assert "no certificate authority" in await reason(system)
