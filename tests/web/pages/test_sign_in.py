"""Signing in and out, languages, and what a browser is told to keep to itself."""

from __future__ import annotations

import pytest

from csms.domain.api_token import Role
from csms.repositories.users import Users
from tests.support.pages import PASSWORD, Visitor, sign_in
from tests.support.system import ADMIN_TOKEN, System

pytestmark = pytest.mark.usefixtures("quick_passwords")


async def make_user(system: System, name: str = "Somchai", role: Role = Role.OPERATOR) -> Users:
    users = system.central_system.services.users
    await users.create(name, PASSWORD, role, "test")
    return users


@pytest.mark.gen_test
async def test_pages_send_strangers_to_sign_in_and_back(system: System) -> None:
    visitor = Visitor(system)
    response = await visitor.fetch("GET", "/charge-points?q=a%26b")
    assert response.code == 302
    location = response.headers["Location"]
    assert location == "/sign-in?next=%2Fcharge-points%3Fq%3Da%2526b"
    response = await visitor.post(location, name="", secret=ADMIN_TOKEN)
    assert (response.code, response.headers["Location"]) == (303, "/charge-points?q=a%26b")
    status, text = await visitor.page("/charge-points?q=a%26b")
    assert status == 200 and 'value="a&amp;b"' in text


@pytest.mark.gen_test
@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://evil.example"])
async def test_signing_in_leads_to_no_other_site(system: System, target: str) -> None:
    response = await Visitor(system).post("/sign-in", name="", secret=ADMIN_TOKEN, next=target)
    assert response.headers["Location"] == "/"


@pytest.mark.gen_test
async def test_a_user_signs_in_by_name_and_password(system: System) -> None:
    await make_user(system)
    visitor = Visitor(system)
    response = await visitor.post("/sign-in", name="SOMCHAI", secret="wrong password")
    assert response.code == 403 and b"That is not right" in response.body
    assert "csms_session" not in visitor.cookies
    response = await visitor.post("/sign-in", name="SOMCHAI", secret=PASSWORD)
    assert response.code == 303
    status, text = await visitor.page("/")
    assert status == 200 and "Somchai" in text


@pytest.mark.gen_test
async def test_the_session_ends_with_the_sign_out(system: System) -> None:
    visitor = await sign_in(system)
    kept = dict(visitor.cookies)
    response = await visitor.post("/sign-out")
    assert response.code == 303
    assert visitor.cookies.get("csms_session", "") == ""
    visitor.cookies = kept
    assert (await visitor.page("/"))[0] == 302
    assert await system.database.sessions.count_documents({}) == 0


@pytest.mark.gen_test
async def test_a_removed_user_is_out_and_a_role_is_the_one_of_now(system: System) -> None:
    users = await make_user(system)
    visitor = Visitor(system)
    await visitor.post("/sign-in", name="somchai", secret=PASSWORD)
    sessions = system.central_system.services.sessions
    await system.database.users.update_one({"_id": "somchai"}, {"$set": {"role": "viewer"}})
    sessions._cache.clear()
    assert (await visitor.page("/add-charge-point"))[0] == 403
    await users.delete("somchai")
    sessions._cache.clear()
    assert (await visitor.page("/"))[0] == 302


@pytest.mark.gen_test
async def test_guessing_is_slowed_down(system: System) -> None:
    visitor = Visitor(system)
    statuses = [
        (await visitor.post("/sign-in", name="somchai", secret=f"guess {number}")).code
        for number in range(11)
    ]
    assert statuses == [403] * 10 + [429]


@pytest.mark.gen_test
async def test_cookies_and_headers_are_strict(system: System) -> None:
    visitor = Visitor(system)
    response = await visitor.post("/sign-in", name="", secret=ADMIN_TOKEN, **{})
    for name in ("csms_session", "_xsrf"):
        attributes = visitor.set_cookies[name].lower()
        assert "httponly" in attributes and "samesite=lax" in attributes, name
        assert "secure" not in attributes
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy and "unsafe" not in policy
    assert ADMIN_TOKEN not in str(await system.database.sessions.find_one({}))
    assert visitor.cookies["csms_session"] not in str(await system.database.sessions.find_one({}))


@pytest.mark.gen_test
async def test_nothing_is_changed_from_another_site(system: System) -> None:
    visitor = await sign_in(system)
    response = await visitor.fetch("POST", "/sign-out", {})
    assert response.code == 403
    body = '{"chargePointIdentity": "CP1"}'
    assert (await visitor.fetch("POST", "/admin/charge-points", body)).code == 403
    response = await visitor.fetch(
        "POST", "/admin/charge-points", body, X_XSRFToken=await visitor.xsrf()
    )
    assert response.code == 201


@pytest.mark.gen_test
async def test_the_session_has_the_role_of_its_token_in_the_rest_too(system: System) -> None:
    visitor = await sign_in(system, "viewer")
    assert (await visitor.fetch("GET", "/admin/charge-points")).code == 200
    response = await visitor.fetch(
        "POST",
        "/admin/charge-points",
        '{"chargePointIdentity": "CP1"}',
        X_XSRFToken=await visitor.xsrf(),
    )
    assert response.code == 403


@pytest.mark.gen_test
async def test_the_language_is_kept(system: System) -> None:
    visitor = await sign_in(system)
    response = await visitor.post("/language", language="th", next="/charge-points")
    assert (response.code, response.headers["Location"]) == (303, "/charge-points")
    _, text = await visitor.page("/charge-points")
    assert '<html lang="th"' in text and "เครื่องชาร์จ" in text


@pytest.mark.gen_test
async def test_an_unknown_language_header_gives_english(system: System) -> None:
    response = await Visitor(system).fetch("GET", "/sign-in", Accept_Language="xx")
    assert b'<html lang="en"' in response.body


@pytest.mark.gen_test
@pytest.mark.parametrize("planted", ['"\\012 not ours"', "short", "csms_" + "a" * 5000])
async def test_a_device_that_others_have_named_is_replaced(system: System, planted: str) -> None:
    await make_user(system)
    visitor = Visitor(system)
    visitor.cookies["csms_device"] = planted
    response = await visitor.post("/sign-in", name="somchai", secret=PASSWORD)
    assert response.code == 303
    assert visitor.cookies["csms_device"] != planted and len(visitor.cookies["csms_device"]) == 48
