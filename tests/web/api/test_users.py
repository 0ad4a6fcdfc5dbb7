"""`/admin/users`, and what a change of a user or token means for sessions."""

from __future__ import annotations

import json

import pytest

from tests.support.pages import PASSWORD, Visitor, sign_in
from tests.support.system import System

pytestmark = pytest.mark.usefixtures("quick_passwords")

USER = {"name": "Malee", "password": PASSWORD, "role": "operator"}


async def signed_in(system: System) -> Visitor:
    visitor = Visitor(system)
    response = await visitor.post("/sign-in", name="malee", secret=PASSWORD)
    assert response.code == 303
    return visitor


@pytest.mark.gen_test
async def test_users_are_made_listed_and_removed(system: System) -> None:
    status, made = await system.rest("POST", "/admin/users", USER)
    assert (status, made["name"], made["role"]) == (201, "Malee", "operator")
    status, problem = await system.rest("POST", "/admin/users", {**USER, "name": "MALEE"})
    assert (status, problem["errors"][0]["field"]) == (409, "name")
    _, listed = await system.rest("GET", "/admin/users")
    assert [user["name"] for user in listed["items"]] == ["Malee"]
    stored = await system.database.users.find_one({})
    assert PASSWORD not in str(stored) + str(listed) + str(made)
    assert "passwordHash" not in str(listed)
    assert (await system.rest("DELETE", "/admin/users/malee"))[0] == 204
    assert (await system.rest("DELETE", "/admin/users/malee"))[0] == 404


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"password": "short"}, "password"),
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"role": "king"}, "role"),
        ({"extra": 1}, "extra"),
    ],
)
async def test_what_cannot_be_is_refused(
    system: System, changes: dict[str, object], field: str
) -> None:
    status, problem = await system.rest("POST", "/admin/users", {**USER, **changes})
    assert (status, problem["errors"][0]["field"]) == (422, field)
    assert "short" not in str(problem)


@pytest.mark.gen_test
@pytest.mark.parametrize("change", [{"role": "viewer"}, {"password": PASSWORD + "!"}, None])
async def test_a_change_ends_the_sessions(system: System, change: dict[str, str] | None) -> None:
    await system.rest("POST", "/admin/users", USER)
    visitor = await signed_in(system)
    assert (await visitor.page("/"))[0] == 200
    method = "DELETE" if change is None else "PATCH"
    status, _ = await system.rest(method, "/admin/users/malee", change)
    assert status in (200, 204)
    assert (await visitor.page("/"))[0] == 302


@pytest.mark.gen_test
async def test_a_revoked_token_ends_its_sessions(system: System) -> None:
    visitor = await sign_in(system, "viewer")
    _, tokens = await system.rest("GET", "/admin/tokens")
    [token] = [t["id"] for t in tokens["items"] if t["name"] == "viewer"]
    await system.rest("DELETE", f"/admin/tokens/{token}")
    assert (await visitor.page("/"))[0] == 302


@pytest.mark.gen_test
async def test_the_last_admin_stays(system: System) -> None:
    await system.rest("POST", "/admin/users", {**USER, "role": "admin"})
    visitor = await signed_in(system)
    headers = {"X_XSRFToken": await visitor.xsrf()}
    response = await visitor.fetch("DELETE", "/admin/users/malee", None, **headers)
    assert response.code == 409 and b"Make another admin first" in response.body
    response = await visitor.fetch("PATCH", "/admin/users/malee", '{"role": "viewer"}', **headers)
    assert response.code == 409
    assert (await visitor.page("/access"))[0] == 200
    await system.rest("POST", "/admin/users", {**USER, "name": "Somchai", "role": "admin"})
    assert (await system.rest("PATCH", "/admin/users/malee", {"role": "viewer"}))[0] == 200
    assert (await system.rest("DELETE", "/admin/users/somchai"))[0] == 409


@pytest.mark.gen_test
async def test_the_last_admin_token_stays(system: System) -> None:
    _, tokens = await system.rest("GET", "/admin/tokens")
    [first] = [token["id"] for token in tokens["items"]]
    status, problem = await system.rest("DELETE", f"/admin/tokens/{first}")
    assert status == 409 and "Make another one first" in problem["detail"]
    # One that has run out lets nobody in, and an admin who signs in is no token.
    expired = {"name": "old", "role": "admin", "expiresAt": "2020-01-01T00:00:00Z"}
    await system.rest("POST", "/admin/tokens", expired)
    await system.rest("POST", "/admin/users", {**USER, "role": "admin"})
    assert (await system.rest("DELETE", f"/admin/tokens/{first}"))[0] == 409
    _, made = await system.rest("POST", "/admin/tokens", {"name": "new", "role": "admin"})
    assert (await system.rest("DELETE", f"/admin/tokens/{first}"))[0] == 204
    assert (await system.rest("DELETE", f"/admin/tokens/{made['id']}", token=made["token"]))[
        0
    ] == 409


@pytest.mark.gen_test
async def test_changes_of_users_and_tokens_are_on_record(system: System) -> None:
    await system.rest("POST", "/admin/users", USER)
    await system.rest("PATCH", "/admin/users/malee", {"role": "viewer", "password": PASSWORD})
    _, made = await system.rest("POST", "/admin/tokens", {"name": "script", "role": "viewer"})
    await system.rest("DELETE", f"/admin/tokens/{made['id']}")
    await system.rest("DELETE", "/admin/users/malee")
    _, page = await system.rest("GET", "/admin/audit?order=asc")
    assert [(one["method"], one["path"], one["subject"]) for one in page["items"]] == [
        ("POST", "/admin/users", "Malee (operator)"),
        ("PATCH", "/admin/users/malee", "Malee (viewer)"),
        ("POST", "/admin/tokens", f"script ({made['id']}, viewer)"),
        ("DELETE", f"/admin/tokens/{made['id']}", None),
        ("DELETE", "/admin/users/malee", None),
    ]
    assert PASSWORD not in str(page) and made["token"] not in str(page)


@pytest.mark.gen_test
async def test_who_guesses_an_old_password_has_to_wait(system: System) -> None:
    await system.rest("POST", "/admin/users", USER)
    visitor = await signed_in(system)
    headers = {"X_XSRFToken": await visitor.xsrf()}
    path, new = "/admin/users/me/password", "another long password"
    wrong = json.dumps({"oldPassword": "wrong password", "password": new})
    for _ in range(system.central_system.settings.max_failed_attempts):
        response = await visitor.fetch("POST", path, wrong, **headers)
        assert response.code == 422 and b"is not right" in response.body
    right = json.dumps({"oldPassword": PASSWORD, "password": new})
    response = await visitor.fetch("POST", path, right, **headers)
    assert response.code == 429 and b"Too many tries" in response.body
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.gen_test
async def test_people_change_their_own_password(system: System) -> None:
    await system.rest("POST", "/admin/users", {**USER, "role": "viewer"})
    visitor = await signed_in(system)
    assert (await visitor.page("/account"))[0] == 200
    headers = {"X_XSRFToken": await visitor.xsrf()}
    path, new = "/admin/users/me/password", "another long password"
    wrong = f'{{"oldPassword": "wrong password", "password": "{new}"}}'
    assert (await visitor.fetch("POST", path, wrong, **headers)).code == 422
    right = f'{{"oldPassword": "{PASSWORD}", "password": "{new}"}}'
    assert (await visitor.fetch("POST", path, right, **headers)).code == 204
    assert (await visitor.page("/"))[0] == 302
    response = await Visitor(system).post("/sign-in", name="malee", secret=new)
    assert response.code == 303
    # A token has no password to change.
    assert (await system.rest("POST", path, {"oldPassword": new, "password": PASSWORD}))[0] == 422


@pytest.mark.gen_test
async def test_the_access_page_is_for_admins(system: System) -> None:
    await system.rest("POST", "/admin/users", {**USER, "name": "<b>Malee</b>"})
    operator, admin = await sign_in(system, "operator"), await sign_in(system)
    for path in ("/access", "/access/new-token", "/access/new-user"):
        assert (await operator.page(path))[0] == 403
        assert (await admin.page(path))[0] == 200
    assert 'href="/access"' not in (await operator.page("/"))[1]
    _, text = await admin.page("/access")
    assert "&lt;b&gt;Malee" in text and "<b>Malee" not in text
