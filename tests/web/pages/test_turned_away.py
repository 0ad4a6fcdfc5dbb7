"""Who was turned away, and the one click that lets them in."""

from __future__ import annotations

import html

import pytest

from csms.web.pages import turned_away as turned_away_page
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


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("on_record", "sent"), [("CP-Bang-Na", "cp-bang-na"), ("Caf\u00e9-1", "CAF\u00c9-1")]
)
async def test_an_identity_that_is_written_differently_can_be_taken(
    system: System, on_record: str, sent: str
) -> None:
    await system.whitelist("CP1", chargePointIdentity=on_record)
    await turned_away(system, sent)
    visitor = await sign_in(system, "operator")
    text = await listed(visitor)
    assert f"This is CP1; its URL is written differently. On record: {on_record}" in text
    assert "Both look the same" not in text
    assert f"Put the identity {sent} in place of {on_record} in the record CP1?" in text
    assert 'data-api="PATCH" action="/admin/charge-points/CP1"' in text
    assert f'name="chargePointIdentity" value="{sent}"' in text and "Whitelist</button>" not in text
    viewer = await listed(await sign_in(system, "viewer"))
    assert "This is CP1" in viewer and "data-api" not in viewer

    await system.rest("PATCH", "/admin/charge-points/CP1", {"chargePointIdentity": sent})
    assert "on record now" in await listed(visitor)


@pytest.mark.gen_test
async def test_one_that_is_connected_under_its_own_identity_keeps_it(system: System) -> None:
    await system.online("CP1")
    await turned_away(system, "cp1")
    text = await listed(await sign_in(system, "operator"))
    assert "It calls itself nearly as CP1, which is connected as CP1." in text
    assert "data-api" not in text


async def insert(system: System, identity: str | None, reason: str = "Not whitelisted") -> None:
    now = system.central_system.services.deps.clock()
    await system.database.rejected_connections.insert_one(
        {
            "_id": "x",
            "chargePointIdentity": identity,
            "remoteAddress": "192.0.2.1",
            "reason": reason,
            "count": 1,
            "firstSeen": now,
            "lastSeen": now,
        }
    )


@pytest.mark.gen_test
async def test_an_identity_in_another_normal_form_is_said_to_look_the_same(
    system: System,
) -> None:
    await system.whitelist("CP1", chargePointIdentity="Caf\u00e9-1")
    await insert(system, "Cafe\u0301-1")
    text = await listed(await sign_in(system, "operator"))
    assert "This is CP1; its URL is written differently." in text and "Both look the same" in text


@pytest.mark.gen_test
async def test_a_visitor_without_an_identity_has_no_button(system: System) -> None:
    await insert(system, None)
    text = await listed(await sign_in(system, "operator"))
    assert "192.0.2.1" in text and "data-api" not in text


@pytest.mark.gen_test
async def test_rest_names_the_record_that_is_similar(system: System) -> None:
    await system.whitelist("CP1", chargePointIdentity="Ident-1")
    for record, identity in (("CP2", "TWIN"), ("CP3", "Twin")):
        await system.database.charge_points.insert_one(
            {"_id": record, "chargePointIdentity": identity}
        )
    for identity in ("ident-1", "twin", "STRANGER"):
        await turned_away(system, identity)
    status, page = await system.rest("GET", "/admin/rejected-connections")
    assert status == 200
    similar = {one["chargePointIdentity"]: one["similarTo"] for one in page["items"]}
    assert similar == {"ident-1": "CP1", "twin": None, "STRANGER": None}


@pytest.mark.gen_test
async def test_a_wrong_path_is_shown_with_the_right_one(system: System) -> None:
    answer = await system.fetch(
        "GET", "/ocpp/2.0.1/CP1", token=None, headers={"Upgrade": "websocket"}
    )
    assert answer.code == 404
    text = await listed(await sign_in(system, "operator"))
    assert "/ocpp/2.0.1/CP1" in text and "its path is /ocpp/1.6/ and then the identity" in text


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("tls_reason", "expected"),
    [
        ("HTTP_REQUEST", turned_away_page.CAME_WITHOUT_TLS),
        ("TLSV1_ALERT_UNKNOWN_CA", turned_away_page.REFUSES_OUR_CERTIFICATE),
        ("UNEXPECTED_EOF_WHILE_READING", turned_away_page.REFUSES_OUR_CERTIFICATE),
        ("NO_SHARED_CIPHER", None),
    ],
)
async def test_what_to_do_about_a_failed_tls_handshake(
    system: System, tls_reason: str, expected: str | None
) -> None:
    await insert(system, None, reason=f"TLS handshake failed: {tls_reason}")
    visitor = await sign_in(system, "viewer")
    text = html.unescape((await listed(visitor)).partition('id="meanings"')[0])
    assert f'TLS handshake failed<br><code class="long">{tls_reason}</code>' in text
    advice = {turned_away_page.CAME_WITHOUT_TLS, turned_away_page.REFUSES_OUR_CERTIFICATE}
    assert {one for one in advice if one in text} == ({expected} if expected else set())
    assert f'TLS handshake failed <code class="long">{tls_reason}' in (await visitor.page("/"))[1]
