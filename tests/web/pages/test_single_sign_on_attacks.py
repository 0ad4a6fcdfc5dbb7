"""Single sign-on under attack: by who forges cookies and answers, and by the provider itself."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from csms.domain.api_token import Role
from csms.repositories.provided_users import Person, ProvidedUsers
from tests.support.oidc_provider import FakeProvider
from tests.support.pages import PASSWORD, Visitor
from tests.support.system import System
from tests.web.pages.test_single_sign_on import START, come_back, provider, settings

__all__ = ["provider", "settings"]

pytestmark = pytest.mark.gen_test


def packed(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


FORGED = {
    "nested": base64.urlsafe_b64encode(b"[" * 20_000).decode(),
    "state that is half a character": packed("\ud800", "n", "v", "/"),
    "verifier that is half a character": packed("s", "n", "\ud800", "/"),
    "nonce that is half a character": packed("s", "\ud800", "v", "/"),
    "next that is half a character": packed("s", "n", "v", "/\ud800"),
    "empty": packed("", "", "", ""),
    "numbers": packed(1, 2, 3, 4),
    "not base64": "%%%",
}


@pytest.mark.parametrize("cookie", FORGED.values(), ids=FORGED)
@pytest.mark.parametrize("query", ["state=s&code=c", "state=%ED%A0%80&code=c", "state=&code=c", ""])
async def test_a_forged_attempt_is_refused(system: System, cookie: str, query: str) -> None:
    visitor = Visitor(system)
    visitor.cookies["csms_single_sign_on"] = cookie
    response = await visitor.fetch("GET", f"{START}/callback?{query}")
    assert response.code in (400, 403, 502), response.body


@pytest.mark.parametrize("query", ["code=c&code=d&state=s", "state=s&state=t&code=c"])
async def test_what_is_given_twice_is_refused(
    system: System, provider: FakeProvider, query: str
) -> None:
    visitor = Visitor(system)
    visitor.cookies["csms_single_sign_on"] = packed("s", "n", "v", "/")
    response = await visitor.fetch("GET", f"{START}/callback?{query}")
    assert response.code in (400, 403)
    assert "token" not in provider.asked


MISBEHAVIOUR: dict[str, dict[str, Any]] = {
    "a port there is none of": {"metadata": {"token_endpoint": "http://127.0.0.1:99999999/"}},
    "a host there is none of": {"metadata": {"token_endpoint": "http://[/"}},
    "no host": {"metadata": {"token_endpoint": "http:///"}},
    "a host that is too long": {"metadata": {"token_endpoint": f"http://{'a' * 300}.invalid/"}},
    "a line break": {"metadata": {"token_endpoint": "http://127.0.0.1:1/\r\nX: y"}},
    "not ASCII": {"metadata": {"token_endpoint": "http://127.0.0.1:1/ก"}},
    "nested metadata": {"raw": {".well-known/openid-configuration": b"[" * 100_000}},
    "nested tokens": {"raw": {"token": b'{"id_token":' * 50_000}},
    "a huge answer": {"raw": {"token": b"[" + b"1," * 2_000_000 + b"1]"}},
    "a long number": {"raw": {"token": b'{"expires_in": ' + b"9" * 10_000 + b"}"}},
    "a token that is a number": {"raw": {"token": b'{"id_token": 5}'}},
    "a token of dots": {"raw": {"token": b'{"id_token": "..."}'}},
    "a token that is no ASCII": {"raw": {"token": '{"id_token": "ก.ก.ก"}'.encode()}},
    "a nested header": {
        "raw": {
            "token": json.dumps(
                {
                    "id_token": base64.urlsafe_b64encode(b"[" * 50_000).decode().rstrip("=")
                    + ".e30.e30"
                }
            ).encode()
        }
    },
    "a header that is a list": {"raw": {"token": b'{"id_token": "W10.e30.e30"}'}},
    "an algorithm that is a list": {"raw": {"token": b'{"id_token": "eyJhbGciOltdfQ.e30.e30"}'}},
    "keys that are none": {"raw": {"keys": b'{"keys": [5, null, {}, {"kty": "RSA"}]}'}},
    "keys that are no list": {"raw": {"keys": b'{"keys": 5}'}},
    "a key that is no number": {
        "raw": {"keys": b'{"keys": [{"kty": "RSA", "n": "%", "e": "AQAB"}]}'}
    },
    "a key of another kind": {
        "raw": {"keys": b'{"keys": [{"kty": "oct", "kid": "one", "k": "' + b"A" * 43 + b'"}]}'}
    },
    "a key with exponent 0": {
        "raw": {"keys": b'{"keys": [{"kty": "RSA", "kid": "one", "n": "AQAB", "e": "AA"}]}'}
    },
    "a point on no curve": {
        "raw": {
            "keys": b'{"keys": [{"kty": "EC", "crv": "P-256", "kid": "one", "x": "AA", "y": "AA"}]}'
        }
    },
    "a curve there is none of": {
        "raw": {"keys": b'{"keys": [{"kty": "EC", "crv": "P", "kid": "one", "x": "AA", "y": "A"}]}'}
    },
    "a key type that is a list": {"raw": {"keys": b'{"keys": [{"kty": [], "kid": "one"}]}'}},
    "user info of another shape": {"raw": {"me": b"[]"}},
    "a subject that is a list": {"claims": {"sub": ["42"]}},
    "a subject that is an object": {"claims": {"sub": {"$gt": ""}}},
    "a subject that is a number": {"claims": {"sub": 42}},
    "a subject that is true": {"claims": {"sub": True}},
    "an empty subject": {"claims": {"sub": ""}},
    "a subject that is too long": {"claims": {"sub": "4" * 5000}},
    "an audience that is an object": {"changed": {"aud": {"csms": 1}}},
    "a time that is infinite": {"changed": {"exp": float("inf")}},
    "a time that is text": {"changed": {"iat": "now"}},
}


@pytest.mark.parametrize("what", MISBEHAVIOUR.values(), ids=MISBEHAVIOUR)
async def test_a_provider_that_talks_nonsense_signs_nobody_in(
    system: System, provider: FakeProvider, what: dict[str, Any]
) -> None:
    visitor = Visitor(system)
    for name, changes in what.items():
        getattr(provider, name).update(changes)
    response = await visitor.fetch("GET", START)
    if response.code == 302:
        query = provider.authorize(response.headers["Location"])
        response = await visitor.fetch("GET", f"{START}/callback?{query}")
    assert response.code in (403, 502), response.headers.get("Location")
    assert "csms_session" not in visitor.cookies
    assert await system.database.users.count_documents({}) == 0


@pytest.mark.parametrize("methods", [5, None, {}])
async def test_methods_of_another_shape_say_nothing(
    system: System, provider: FakeProvider, methods: Any
) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = methods
    assert (await come_back(Visitor(system), provider))[0] == 302


@pytest.mark.parametrize(
    "roles",
    [
        {"admin": True}, [["admin"]], [{"admin": "admin"}], [None, 5, {}], "Admin", ["admin "],
        {"$ne": None}, 5,
    ],
)  # fmt: skip
async def test_roles_of_another_shape_are_none(
    system: System, provider: FakeProvider, roles: Any
) -> None:
    provider.claims["roles"] = roles
    visitor = Visitor(system)
    status, _, _ = await come_back(visitor, provider)
    assert status == 403 and "csms_session" not in visitor.cookies


@pytest.mark.parametrize(
    "name",
    [
        "malee\u3164",
        "m\u0430lee",
        "\uff4dalee",
        "malee\u00a0",
        "\u202eeelam",
        "MALEE",
        "mal\u0435e",
    ],
)
async def test_nobody_comes_in_under_a_name_that_looks_like_anothers(
    system: System, provider: FakeProvider, name: str
) -> None:
    users = system.central_system.services.users
    await users.create("malee", PASSWORD, Role.ADMIN, "test")
    provider.claims["preferred_username"] = name
    assert (await come_back(Visitor(system), provider))[0] == 302
    made = await system.database.users.find_one({"subject": "42"})
    assert made is not None and made["name"].casefold() in ("malee (2)", "eelam", "42"), made


async def test_the_last_admin_stays_one(system: System, provider: FakeProvider) -> None:
    provider.claims["roles"] = ["admin"]
    visitor = Visitor(system)
    await come_back(visitor, provider)
    provider.claims["roles"] = ["viewer"]
    assert (await come_back(Visitor(system), provider))[0] == 302
    (user,) = await system.database.users.find().to_list(None)
    assert user["role"] == "admin"
    # With another admin the provider's word is done.
    await system.central_system.services.users.create("other", PASSWORD, Role.ADMIN, "test")
    assert (await come_back(visitor, provider))[0] == 302
    user = await system.database.users.find_one({"subject": "42"}) or {}
    assert user["role"] == "viewer"
    changes = await system.database.audit.find({"event": None}).to_list(None)
    assert [(change["by"], change["subject"]) for change in changes] == [
        ("malee", "malee (admin)"),
        ("malee", "malee (stays the last admin: the provider says viewer)"),
        ("malee", "malee (viewer: the provider says viewer)"),
    ]


async def test_two_last_admins_are_not_demoted_at_once(
    system: System, provider: FakeProvider
) -> None:
    users = ProvidedUsers(system.database, system.central_system.services.deps.clock)
    people = [Person("p", str(number)) for number in range(4)]
    for person in people:
        await users.sign_in(person, f"admin {person.subject}", Role.ADMIN)
    await asyncio.gather(
        *(users.sign_in(person, f"admin {person.subject}", Role.VIEWER) for person in people[:2]),
        *(users.take_role(person) for person in people[2:]),
    )
    assert await system.database.users.count_documents({"role": "admin"}) == 1


async def test_who_has_no_role_any_more_is_signed_out_everywhere(
    system: System, provider: FakeProvider
) -> None:
    earlier = Visitor(system)
    await come_back(earlier, provider)
    assert (await earlier.page("/"))[0] == 200
    provider.claims["roles"] = []
    assert (await come_back(Visitor(system), provider))[0] == 403
    response = await earlier.fetch("GET", "/")
    assert (response.code, response.headers["Location"]) == (302, "/sign-in?next=%2F")


async def test_forged_answers_do_not_flood_the_provider(
    system: System, provider: FakeProvider
) -> None:
    async def forge() -> int:
        visitor = Visitor(system)
        visitor.cookies["csms_single_sign_on"] = packed("s", "n", "v", "/")
        response = await visitor.fetch("GET", f"{START}/callback?state=s&code=guessed")
        assert isinstance(response.code, int)
        return response.code

    codes = await asyncio.gather(*(forge() for _ in range(60)))
    most = system.central_system.services.deps.settings.max_failed_attempts * 3
    assert provider.asked.count("token") <= most
    assert codes.count(429) == 60 - provider.asked.count("token")
    assert provider.asked.count(".well-known/openid-configuration") == 1


async def test_a_provider_that_is_away_is_not_asked_by_each_visitor(
    system: System, provider: FakeProvider
) -> None:
    provider.raw[".well-known/openid-configuration"] = b"no"
    visitors = [Visitor(system) for _ in range(20)]
    for half in visitors[:10], visitors[10:]:
        responses = await asyncio.gather(*(visitor.fetch("GET", START) for visitor in half))
        assert {response.code for response in responses} == {502}
    assert provider.asked == [".well-known/openid-configuration"]


async def test_a_next_page_of_any_length_fits_a_cookie(
    system: System, provider: FakeProvider
) -> None:
    visitor = Visitor(system)
    status, location, _ = await come_back(visitor, provider, "/charge-points?q=" + "a" * 5000)
    assert (status, location) == (302, "/")
    assert len(visitor.cookies.get("csms_single_sign_on", "")) < 4000
