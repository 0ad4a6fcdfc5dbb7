"""Single sign-on: who comes from the provider is let in, and what is not the provider's is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from joserfc.jwk import OctKey, RSAKey
from pydantic import SecretStr
from tornado.ioloop import IOLoop

from csms.config import Settings
from csms.domain.api_token import Role
from tests.support.oidc_provider import CLIENT_ID, CLIENT_SECRET, FakeProvider
from tests.support.pages import PASSWORD, Visitor, sign_in
from tests.support.system import System

pytestmark = pytest.mark.gen_test

START = "/sign-in/single-sign-on"


@pytest.fixture
def provider(io_loop: IOLoop) -> Iterator[FakeProvider]:
    provider = FakeProvider()
    provider.claims["roles"] = ["operator"]
    yield provider
    provider.server.stop()


@pytest.fixture
def settings(settings: Settings, provider: FakeProvider) -> Settings:
    return settings.model_copy(
        update={
            "oidc_issuer": provider.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": SecretStr(CLIENT_SECRET),
        }
    )


async def come_back(
    visitor: Visitor, provider: FakeProvider, next_page: str = "/", **changed: str | None
) -> tuple[int, str, str]:
    """Sign in through the provider; returns status, Location and text of the last answer."""
    response = await visitor.fetch("GET", f"{START}?next={next_page}")
    assert response.code == 302, response.body
    query = provider.authorize(response.headers["Location"], **changed)
    response = await visitor.fetch("GET", f"{START}/callback?{query}")
    return response.code, response.headers.get("Location", ""), response.body.decode()


async def test_a_person_is_signed_in_and_made_a_user(
    system: System, provider: FakeProvider
) -> None:
    visitor = Visitor(system)
    _, text = await visitor.page("/sign-in")
    assert START in text
    status, location, _ = await come_back(visitor, provider, "/charge-points?q=a")
    assert (status, location) == (302, "/charge-points?q=a")
    _, text = await visitor.page("/")
    assert "malee" in text and "Add a charge point" in text
    (user,) = await system.database.users.find().to_list(None)
    assert (user["name"], user["role"], user["subject"]) == ("malee", "operator", "42")
    assert (await visitor.page("/access"))[0] == 403


async def test_the_role_of_each_sign_in_counts(system: System, provider: FakeProvider) -> None:
    await come_back(Visitor(system), provider)
    provider.claims["roles"] = ["viewer"]
    visitor = Visitor(system)
    await come_back(visitor, provider)
    (user,) = await system.database.users.find().to_list(None)
    assert user["role"] == "viewer"


async def test_without_a_role_nobody_gets_in(system: System, provider: FakeProvider) -> None:
    provider.claims["roles"] = ["accountant"]
    visitor = Visitor(system)
    status, _, text = await come_back(visitor, provider)
    assert status == 403 and "no role" in text
    assert "csms_session" not in visitor.cookies
    assert await system.database.users.count_documents({}) == 0


async def test_claims_of_the_user_info_count_too(system: System, provider: FakeProvider) -> None:
    del provider.claims["roles"]
    provider.user_info = {"roles": ["admin"]}
    visitor = Visitor(system)
    assert (await come_back(visitor, provider))[0] == 302
    assert (await visitor.page("/access"))[0] == 200


async def test_the_user_info_of_another_person_does_not(
    system: System, provider: FakeProvider
) -> None:
    provider.user_info = {"sub": "43", "roles": ["admin"]}
    assert (await come_back(Visitor(system), provider))[0] == 403


async def test_a_local_user_of_that_name_is_not_taken_over(
    system: System, provider: FakeProvider
) -> None:
    users = system.central_system.services.users
    await users.create("Malee", PASSWORD, Role.ADMIN, "test")
    visitor = Visitor(system)
    await come_back(visitor, provider)
    _, text = await visitor.page("/")
    assert "malee (2)" in text
    assert (await visitor.page("/access"))[0] == 403
    response = await Visitor(system).post("/sign-in", name="malee", secret=PASSWORD)
    assert response.code == 303


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example"},
        {"aud": "another-client"},
        {"aud": [CLIENT_ID, "another-client"]},
        {"azp": "another-client"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": 9_000_000_000},
        {"sub": None},
    ],
    ids=str,
)
async def test_an_id_token_that_is_not_for_this_sign_in_is_refused(
    system: System, provider: FakeProvider, changed: dict[str, Any]
) -> None:
    provider.changed = changed
    visitor = Visitor(system)
    status, _, text = await come_back(visitor, provider)
    assert status == 403 and "did not work" in text
    assert "csms_session" not in visitor.cookies
    assert await system.database.users.count_documents({}) == 0


@pytest.mark.parametrize("forgery", ["none", "with the secret", "with another key"])
async def test_a_forged_id_token_is_refused(
    system: System, provider: FakeProvider, forgery: str
) -> None:
    if forgery == "none":
        provider.algorithm = "none"
    elif forgery == "with the secret":
        provider.algorithm, provider.signing_key = "HS256", OctKey.import_key(CLIENT_SECRET * 2)
    else:
        provider.signing_key = RSAKey.generate_key(2048, {"kid": "one"})
    assert (await come_back(Visitor(system), provider))[0] == 403


async def test_keys_that_were_changed_are_fetched_again(
    system: System, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csms.web.oidc.KEYS_AGAIN_AFTER", 0)
    assert (await come_back(Visitor(system), provider))[0] == 302
    provider.key = RSAKey.generate_key(2048, {"kid": "two"})
    assert (await come_back(Visitor(system), provider))[0] == 302
    assert provider.keys_fetched == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "of another browser"},
        {"state": None},
        {"code": None},
        {"code": "made up"},
        {"iss": "https://other.example"},
        {"error": "access_denied"},
    ],
    ids=str,
)
async def test_an_answer_that_was_not_asked_for_is_refused(
    system: System, provider: FakeProvider, changed: dict[str, str | None]
) -> None:
    visitor = Visitor(system)
    status, _, _ = await come_back(visitor, provider, **changed)
    assert status in (403, 502)
    assert "csms_session" not in visitor.cookies


async def test_the_answer_to_one_browser_does_not_sign_another_in(
    system: System, provider: FakeProvider
) -> None:
    attacker, victim = Visitor(system), Visitor(system)
    response = await attacker.fetch("GET", START)
    query = provider.authorize(response.headers["Location"])
    await victim.fetch("GET", START)
    response = await victim.fetch("GET", f"{START}/callback?{query}")
    assert response.code == 403 and "csms_session" not in victim.cookies


async def test_an_answer_is_good_once(system: System, provider: FakeProvider) -> None:
    visitor = Visitor(system)
    response = await visitor.fetch("GET", START)
    query = provider.authorize(response.headers["Location"])
    assert (await visitor.fetch("GET", f"{START}/callback?{query}")).code == 302
    assert (await visitor.fetch("GET", f"{START}/callback?{query}")).code == 403


@pytest.mark.parametrize("target", ["//evil.example", "/%5Cevil.example", "https://evil.example"])
async def test_it_leads_to_no_other_site(
    system: System, provider: FakeProvider, target: str
) -> None:
    status, location, _ = await come_back(Visitor(system), provider, target)
    assert (status, location) == (302, "/")


async def test_a_provider_that_is_away_is_said_so(system: System, provider: FakeProvider) -> None:
    provider.server.stop()
    response = await Visitor(system).fetch("GET", START)
    assert response.code == 502 and b"does not answer" in response.body


async def test_role_and_password_are_left_to_the_provider(
    system: System, provider: FakeProvider
) -> None:
    await come_back(Visitor(system), provider)
    for body in ({"role": "admin"}, {"password": PASSWORD}):
        status, problem = await system.rest("PATCH", "/admin/users/malee", body)
        assert status == 422
        assert problem["errors"][0]["field"] in body
    assert (await Visitor(system).post("/sign-in", name="malee", secret=PASSWORD)).code == 403
    admin = await sign_in(system)
    _, text = await admin.page("/access/users/malee")
    assert "signs in through single sign-on" in text and 'name="password"' not in text
    status, _ = await system.rest("DELETE", "/admin/users/malee")
    assert status == 204


async def test_without_a_provider_there_is_no_such_page(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = system.central_system.services
    object.__setattr__(services, "provider", None)
    visitor = Visitor(system)
    assert START not in (await visitor.page("/sign-in"))[1]
    assert (await visitor.page(START))[0] == 404
    assert (await visitor.page(START + "/callback"))[0] == 404
