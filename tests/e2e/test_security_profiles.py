"""Security profiles and guessed passwords, on plain sockets (with TLS: the certification cases)."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from csms.config import Settings
from tests.support.system import System

pytestmark = pytest.mark.gen_test

PROXY = (ip_network("127.0.0.1"),)
KEY, WRONG = "the right key, 16+", "a wrong key, 16 up"


async def refused(system: System, **options: Any) -> HTTPClientError:
    with pytest.raises(HTTPClientError) as caught:
        await system.connect(**options)
    return caught.value


async def reasons(system: System) -> dict[str, int]:
    _, page = await system.rest("GET", "/admin/rejected-connections")
    return {item["reason"]: item["count"] for item in page["items"]}


@pytest.mark.parametrize("profile", [None, 0, 1])
async def test_a_key_over_a_plain_socket_is_enough_for_profile_1(
    system: System, profile: int | None
) -> None:
    fields = {} if profile is None else {"securityProfile": profile}
    await system.whitelist(authorizationKey=KEY, **fields)
    assert (await refused(system)).code == 401
    assert (await refused(system, password=WRONG)).code == 401
    charge_point = await system.connect(password=KEY)
    assert (await charge_point.boot())["status"] == "Accepted"


@pytest.mark.parametrize("profile", [2, 3])
async def test_it_is_too_low_for_the_higher_ones(system: System, profile: int) -> None:
    await system.whitelist(authorizationKey=KEY, securityProfile=profile)
    assert (await refused(system, password=KEY)).code == 401
    assert await reasons(system) == {"Security profile too low": 1}


async def test_what_a_proxy_says_of_tls_counts_only_if_it_is_trusted(system: System) -> None:
    await system.whitelist(authorizationKey=KEY, securityProfile=2)
    said = {"X-Forwarded-Proto": "wss"}
    assert (await refused(system, password=KEY, headers=said)).code == 401


class TestTrustedProxy:
    """A proxy that ends TLS, and says so."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"trust_proxy_headers": PROXY})

    @pytest.mark.parametrize("scheme", ["https", "wss"])
    async def test_it_says_so(self, system: System, scheme: str) -> None:
        await system.whitelist(authorizationKey=KEY, securityProfile=2)
        for other in ("ws", "http", "wss, ws"):
            said = {"X-Forwarded-Proto": other}
            assert (await refused(system, password=KEY, headers=said)).code == 401
        charge_point = await system.connect(
            password=KEY, headers={"X-Forwarded-Proto": scheme, "X-Forwarded-For": "192.0.2.7"}
        )
        assert (await charge_point.boot())["status"] == "Accepted"
        assert (await system.record())["remoteAddress"] == "192.0.2.7"


async def test_a_profile_without_a_key_lets_nobody_in(system: System) -> None:
    await system.whitelist(securityProfile=1)
    for options in ({}, {"password": KEY}):
        assert (await refused(system, **options)).code == 401
    assert await reasons(system) == {"Unauthorized": 2}


async def test_a_guesser_waits_and_the_right_key_that_was_used_before_does_not(
    system: System,
) -> None:
    await system.whitelist(authorizationKey=KEY)
    await (await system.connect(password=KEY)).close()
    limit = system.central_system.settings.max_failed_attempts
    for _ in range(limit):
        assert (await refused(system, password=WRONG)).code == 401
    limited = await refused(system, password=WRONG)
    assert limited.code == 429
    assert limited.response is not None
    assert int(limited.response.headers["Retry-After"]) > 0
    charge_point = await system.connect(password=KEY)
    assert (await charge_point.boot())["status"] == "Accepted"


async def test_a_lower_profile_that_is_set_by_hand_counts_at_once(system: System) -> None:
    await system.whitelist(authorizationKey=KEY, securityProfile=2)
    path = "/admin/charge-points/CP1"
    status, record = await system.rest("PATCH", path, {"securityProfile": 1})
    assert (status, record["securityProfile"]) == (200, 1)
    await system.connect(password=KEY)
    status, problem = await system.rest("PATCH", path, {"securityProfile": 4})
    assert (status, problem["errors"][0]["field"]) == (422, "securityProfile")
