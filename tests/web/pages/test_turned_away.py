"""Who was turned away, and the one click that lets them in."""

from __future__ import annotations

import pytest

from csms.web.pages.turned_away import MEANINGS, REASONS
from tests.support.pages import Visitor, sign_in
from tests.support.system import System


async def turned_away(system: System, identity: str, **boot: str) -> None:
    charge_point = await system.connect(identity)
    if boot:
        await charge_point.boot(**boot)
    await charge_point.closed()


async def listed(visitor: Visitor, query: str = "") -> str:
    status, text = await visitor.page(f"/turned-away{query}")
    assert status == 200
    return text


@pytest.mark.gen_test
async def test_a_stranger_can_be_whitelisted(system: System) -> None:
    await turned_away(system, "NEW & <1>")
    visitor = await sign_in(system, "operator")
    text = await listed(visitor)
    assert 'name="chargePointIdentity" value="NEW &amp; &lt;1&gt;"' in text
    assert "chargePointIdentity=NEW+%26+%3C1%3E" in text and "<1>" not in text
    await system.whitelist("NEW & <1>")
    assert "on record now" in await listed(visitor)


@pytest.mark.gen_test
async def test_one_that_may_not_connect_can_be_allowed_again(system: System) -> None:
    await system.whitelist("CP1", isWhitelisted=False)
    await turned_away(system, "CP1")
    text = await listed(await sign_in(system, "operator"))
    assert "Allow it to connect" in text and 'action="/admin/charge-points/CP1"' in text


@pytest.mark.gen_test
async def test_a_wrong_serial_can_be_corrected(system: System) -> None:
    await system.whitelist("CP1", serialNumber="RIGHT")
    await turned_away(system, "CP1", chargePointSerialNumber="WRONG")
    visitor = await sign_in(system, "operator")
    text = await listed(visitor)
    assert "Put the serial WRONG in place of RIGHT?" in text
    await system.rest("PATCH", "/admin/charge-points/CP1", {"serialNumber": "wrong"})
    assert "on record now" in await listed(visitor)


@pytest.mark.gen_test
async def test_a_viewer_may_only_look(system: System) -> None:
    await turned_away(system, "NEW")
    text = await listed(await sign_in(system, "viewer"))
    assert "NEW" in text and "data-api" not in text


@pytest.mark.gen_test
async def test_the_list_is_filtered(system: System) -> None:
    await turned_away(system, "ONE")
    await turned_away(system, "TWO")
    visitor = await sign_in(system, "viewer")
    text = await listed(visitor, "?chargePointIdentity=ONE")
    assert "ONE" in text and "TWO" not in text
    assert "Nobody was turned away." in await listed(visitor, "?reason=Serial+mismatch")


@pytest.mark.gen_test
async def test_every_reason_is_explained(system: System) -> None:
    assert set(MEANINGS) == set(REASONS)
    text = await listed(await sign_in(system, "viewer"))
    assert "Its URL ends without an identity." in text
