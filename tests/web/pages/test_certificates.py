"""The page of certificates, and what the page of a charge point says of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from csms.config import Settings
from tests.support.certificates import refusal, secure, sign, with_tls
from tests.support.charge_point import ScriptedChargePoint
from tests.support.pages import sign_in
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """TLS, and an authority."""
    return with_tls(settings, tmp_path)


async def certified(system: System) -> ScriptedChargePoint:
    """A charge point that has bound its identity, and has a certificate for its serial."""
    await system.whitelist(None, id="CP1", serialNumber="SN-1")
    charge_point = await secure(system, "CHOSEN")
    await charge_point.boot(chargePointSerialNumber="SN-1")
    await sign(charge_point, "SN-1")
    return charge_point


async def test_an_operator_revokes_what_a_viewer_only_sees(system: System) -> None:
    await certified(system)
    viewer, operator = await sign_in(system, "viewer"), await sign_in(system, "operator")
    for visitor, may in ((viewer, False), (operator, True)):
        status, text = await visitor.page("/certificates?chargePointId=CP1")
        assert status == 200 and "CN=SN-1" in text and "valid" in text
        assert ("/revoke" in text) is may
    [one] = (await system.rest("GET", "/admin/certificates"))[1]["items"]
    path = f"/admin/certificates/{one['id'].replace('|', '%7C')}/revoke"
    assert path in text
    response = await operator.fetch(
        "POST", path, "", X_XSRFToken=await operator.xsrf(), Content_Type="application/json"
    )
    assert response.code == 200
    _, text = await operator.page("/certificates?state=revoked")
    assert "CN=SN-1" in text and "/revoke" not in text
    _, text = await operator.page("/certificates?state=good")
    assert "Nothing fits." in text


async def test_a_charge_points_page_shows_its_own(system: System) -> None:
    charge_point = await certified(system)
    assert await refusal(charge_point, "CHOSEN") == "Rejected"
    visitor = await sign_in(system, "operator")

    async def page() -> str:
        return (await visitor.page("/charge-points/CP1"))[1]

    text = await eventually(page, lambda shown: "as it was entered here" in shown)
    assert "CN=SN-1" in text and "Confirm the identity" in text
    _, form = await visitor.page("/charge-points/CP1/edit")
    assert 'name="keepCertificates"' in form
    status, _ = await system.rest(
        "PATCH", "/admin/charge-points/CP1", {"chargePointIdentity": "CHOSEN"}
    )
    assert status == 200 and "Confirm the identity" not in await page()
