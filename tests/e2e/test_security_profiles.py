"""Security profiles and guessed passwords, on plain sockets (with TLS: the certification cases)."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from csms.config import Settings
from csms.domain.authorization_key import KeyVerifier, hash_key
from tests.support.system import System

pytestmark = pytest.mark.gen_test

PROXY = (ip_network("127.0.0.1"),)
NOW = datetime(2026, 11, 27, tzinfo=UTC)
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


class TestKeysOfVersion020:
    """A node of version 0.2.0 wrote hashes into records, and looks for them there."""

    async def as_0_2_0(self, system: System, **hashes: str) -> None:
        await system.database.charge_points.update_one({"_id": "CP1"}, {"$set": hashes})

    async def lets_in(self, system: System, password: str | None) -> bool:
        """What version 0.2.0 makes of the record (csms/connections/credentials.py there)."""
        record = await system.record()
        stored = [record.get(f"{prefix}uthorizationKeyHash") for prefix in ("a", "nextA")]
        if not any(stored):
            return True
        return password is not None and any(
            KeyVerifier().verify(one, password.encode()) for one in stored if one
        )

    async def test_they_hold_before_and_after_they_are_moved(self, system: System) -> None:
        await system.whitelist()
        await self.as_0_2_0(
            system, authorizationKeyHash=hash_key(WRONG), nextAuthorizationKeyHash=hash_key(KEY)
        )
        for _ in range(2):
            assert (await refused(system)).code == 401
            assert (await refused(system, password="a third key, 16 up")).code == 401
            await (await system.connect(password=WRONG)).close()
            assert await system.central_system.stored_keys.move("test", NOW) in (2, 0)
            assert "argon2" not in repr(await system.record())
        await (await system.connect(password=KEY)).close()
        record = await system.record()
        assert record["nextAuthorizationKeyHash"] is None
        [stored] = await system.database.credentials.find().to_list(None)
        assert stored["_id"] == record["authorizationKeyHash"]
        assert (await refused(system, password=WRONG)).code == 401

    async def test_beside_it_a_key_never_opens_without_a_password(self, system: System) -> None:
        await system.whitelist(authorizationKey=KEY)
        assert not await self.lets_in(system, None) and not await self.lets_in(system, WRONG)
        path = "/admin/charge-points/CP1"
        await system.rest("PATCH", path, {"authorizationKey": WRONG})
        assert not await self.lets_in(system, None)
        # The key that it sets counts here, instead of the one that was stored before.
        await self.as_0_2_0(system, authorizationKeyHash=hash_key(KEY))
        await (await system.connect(password=KEY)).close()
        assert (await refused(system, password=WRONG)).code == 401

    async def test_a_change_that_is_refused_leaves_the_key(self, system: System) -> None:
        await system.whitelist("OTHER")
        await system.whitelist(authorizationKey=KEY)
        change = {"authorizationKey": WRONG, "chargePointIdentity": "OTHER"}
        assert (await system.rest("PATCH", "/admin/charge-points/CP1", change))[0] == 409
        assert await system.database.credentials.count_documents({}) == 1
        assert (await refused(system, password=WRONG)).code == 401
        await (await system.connect(password=KEY)).close()
        assert (await system.rest("DELETE", "/admin/charge-points/CP1"))[0] == 204
        assert await system.database.credentials.count_documents({}) == 0

    async def test_the_key_is_looked_up_once_for_a_charge_point_that_comes_again(
        self, system: System, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await system.whitelist("BARE")
        await system.whitelist(authorizationKey=KEY)
        asked: list[str] = []
        keys = system.central_system.stored_keys
        hash_of = keys.hash_of

        async def counted(stored: str) -> str | None:
            asked.append(stored)
            return await hash_of(stored)

        monkeypatch.setattr(keys, "hash_of", counted)
        await (await system.connect("BARE")).close()
        assert (await refused(system)).code == 401
        assert asked == []
        for _ in range(3):
            await (await system.connect(password=KEY)).close()
        assert asked == [(await system.record())["authorizationKeyHash"]]
