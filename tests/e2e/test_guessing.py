"""Attacks by guessing: at accounts, tokens, serials and id tags. Others get in all the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr
from tornado.httpclient import HTTPClientError
from tornado.ioloop import IOLoop

from csms.actions import authorize
from csms.app import CentralSystem
from csms.config import Settings
from csms.domain.api_token import Role
from tests.support.pages import PASSWORD, Visitor
from tests.support.system import ADMIN_TOKEN, System, eventually
from tests.web.pages.test_live import Events

pytestmark = [pytest.mark.gen_test, pytest.mark.usefixtures("quick_passwords")]

MOST = 4
KEY, WRONG = "the right key, 16+", "a wrong key, 16 up"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"max_failed_attempts": MOST, "trust_proxy_headers": (ip_network("127.0.0.1"),)}
    )


@pytest.fixture
def other(io_loop: IOLoop, system: System, mongodb_uri: str) -> Iterator[System]:
    """A second process on the same database."""
    own = system.central_system.settings.model_copy(update={"node_id": "other"})
    central_system = CentralSystem(own, mongodb_uri)
    io_loop.run_sync(central_system.start)
    other = System(central_system)
    yield other
    io_loop.run_sync(other.disconnect_all)
    io_loop.run_sync(central_system.stop)


async def make_user(system: System, name: str = "Malee", role: Role = Role.OPERATOR) -> None:
    await system.central_system.services.users.create(name, PASSWORD, role, "test")


class Browser(Visitor):
    """A visitor with an address of its own, as the proxy tells it."""

    def __init__(self, system: System, address: str) -> None:
        super().__init__(system)
        self.address = address

    async def sign_in(self, name: str, secret: str) -> int:
        form = {"name": name, "secret": secret, "_xsrf": await self.xsrf()}
        headers = {"X_Forwarded_For": self.address}
        return (await self.fetch("POST", "/sign-in", form, **headers)).code


async def guess(system: System, address: str, count: int, name: str = "malee") -> Counter[int]:
    """Guess at an account so often, all at once."""
    browser = Browser(system, address)
    await browser.xsrf()
    tries = (browser.sign_in(name, f"guess {number}") for number in range(count))
    return Counter(await asyncio.gather(*tries))


async def audit(system: System, **where: Any) -> list[dict[str, Any]]:
    return await system.database.audit.find(where).sort("at", 1).to_list(None)


class TestSignIn:
    async def test_guesses_at_two_processes_at_once_are_counted_together(
        self, system: System, other: System
    ) -> None:
        await make_user(system)
        done = await asyncio.gather(
            guess(system, "192.0.2.66", MOST * 2, "MALEE"),
            guess(other, "192.0.2.66", MOST * 2, "malee"),
        )
        assert sum(done, Counter()) == {403: MOST, 429: MOST * 3}
        # The password itself is not tried any more.
        assert await Browser(other, "192.0.2.66").sign_in("Malee", PASSWORD) == 429
        assert await Browser(other, "192.0.2.1").sign_in("Malee", PASSWORD) == 303

    async def test_an_ipv6_network_is_one_guesser(self, system: System) -> None:
        await make_user(system)
        codes = [
            await Browser(system, f"2001:db8::{number}").sign_in("malee", "wrong password")
            for number in range(MOST + 1)
        ]
        assert codes == [403] * MOST + [429]
        assert await Browser(system, "2001:db8:0:1::1").sign_in("malee", PASSWORD) == 303

    async def test_an_address_that_tries_many_accounts_waits_and_others_there_do_not(
        self, system: System
    ) -> None:
        await make_user(system)
        await make_user(system, "Somchai")
        regular = Browser(system, "192.0.2.66")
        assert await regular.sign_in("malee", PASSWORD) == 303
        tries = [await guess(system, "192.0.2.66", 1, f"user {n}") for n in range(MOST * 3 + 2)]
        assert sum(tries, Counter()) == {403: MOST * 3, 429: 2}
        # An account that has never signed in from there is a stranger; one that has is not.
        assert await Browser(system, "192.0.2.66").sign_in("somchai", PASSWORD) == 429
        assert await Browser(system, "192.0.2.66").sign_in("malee", PASSWORD) == 303

    async def test_guesses_from_everywhere_lock_nobody_out_who_is_known(
        self, system: System
    ) -> None:
        await make_user(system)
        home, laptop = Browser(system, "192.0.2.1"), Browser(system, "192.0.2.2")
        assert await home.sign_in("malee", PASSWORD) == 303
        assert await laptop.sign_in("malee", PASSWORD) == 303
        # A botnet: each address tries once, so that none is over its limit.
        found: Counter[int] = Counter()
        for number in range(MOST * 10 + 5):
            found[await Browser(system, f"198.51.100.{number}").sign_in("malee", "wrong one")] += 1
        assert found == {403: MOST * 10, 429: 5}
        assert await Browser(system, "203.0.113.1").sign_in("malee", PASSWORD) == 429
        # From the network of before, and from the browser of before wherever it is now.
        assert await Browser(system, "192.0.2.1").sign_in("malee", PASSWORD) == 303
        laptop.address = "203.0.113.2"
        assert await laptop.sign_in("malee", PASSWORD) == 303
        # The cookie of one account says nothing of another.
        await make_user(system, "Somchai")
        assert (await laptop.sign_in("somchai", "wrong one"), found[200]) == (403, 0)

    async def test_an_account_that_does_not_exist_is_no_different(self, system: System) -> None:
        await make_user(system)
        known = await guess(system, "192.0.2.66", MOST + 2)
        unknown = await guess(system, "192.0.2.67", MOST + 2, "nobody")
        assert known == unknown == {403: MOST, 429: 2}

    async def test_good_passwords_are_not_counted(self, system: System) -> None:
        await make_user(system)
        for _ in range(MOST * 3):
            assert await Browser(system, "192.0.2.1").sign_in("malee", PASSWORD) == 303
        assert await Browser(system, "192.0.2.1").sign_in("malee", "wrong one") == 403

    async def test_it_is_on_record_gathered_and_without_secrets(self, system: System) -> None:
        await make_user(system)
        browser = Browser(system, "192.0.2.1")
        await browser.sign_in("malee", PASSWORD)
        await browser.post("/sign-out")
        await guess(system, "192.0.2.66", MOST * 3)
        await guess(system, "192.0.2.67", 3, "my-own-password")
        services = system.central_system.services
        await services.audit.settled()
        [begun] = await audit(system, event="signedIn")
        assert (begun["by"], begun["remoteAddress"]) == ("Malee", "192.0.2.1")
        assert len(await audit(system, event="signedOut", by="Malee")) == 1
        [failed] = await audit(system, event="signInFailed", by="Malee")
        assert (failed["count"], failed["remoteAddress"]) == (MOST, "192.0.2.66")
        [locked] = await audit(system, event="lockedOut", by="Malee")
        assert locked["count"] >= 1
        [unknown] = await audit(system, event="signInFailed", by="unknown")
        assert unknown["count"] == 3
        stored = str(await audit(system)) + str(await system.database.limits.find().to_list(None))
        for secret in (PASSWORD, "my-own-password", "guess 1"):
            assert secret not in stored
        _, page = await system.rest("GET", "/admin/audit?event=lockedOut")
        assert [(one["by"], one["event"]) for one in page["items"]] == [("Malee", "lockedOut")]
        alarm = await eventually(
            lambda: system.database.alarms.find_one({"kind": "signInGuessing"}), bool
        )
        assert alarm is not None and alarm["facts"]["account"] == "Malee"

    async def test_the_page_shows_it(self, system: System) -> None:
        await make_user(system)
        await guess(system, "192.0.2.66", 2)
        await guess(system, "192.0.2.66", 1, "nobody")
        await system.central_system.services.audit.settled()
        admin = Visitor(system)
        await admin.post("/sign-in", name="", secret=ADMIN_TOKEN)
        _, text = await admin.page("/audit")
        assert "Sign-in failed" in text and "× 2" in text and "Signed in" in text
        await admin.post("/language", language="th")
        _, text = await admin.page("/audit?event=signInFailed")
        assert "เข้าสู่ระบบไม่สำเร็จ" in text and "ไม่ทราบชื่อ" in text


class TestTokens:
    async def test_guesses_are_answered_late_and_a_good_token_at_once(
        self, system: System, other: System
    ) -> None:
        async def ask(system: System, token: str) -> int:
            response = await system.fetch(
                "GET", "/admin/nodes", token=token, headers={"X-Forwarded-For": "192.0.2.66"}
            )
            if response.code == 429:
                assert int(response.headers["Retry-After"]) >= 1
            return response.code

        services = system.central_system.services
        assert await ask(system, ADMIN_TOKEN) == await ask(other, ADMIN_TOKEN) == 200
        tokens = [f"a guess of 20 characters {number}" for number in range(MOST * 6)]
        codes = Counter(await asyncio.gather(*(ask(system, token) for token in tokens)))
        # Some may have been looked up at the same time; all of them are counted.
        assert codes == {401: MOST * 3, 429: MOST * 3}
        assert await ask(system, "another guess of 20 characters") == 429
        await system.central_system.limits.settled()
        # The other process learns it with its first failure.
        await ask(other, "another guess of 20 characters")
        await other.central_system.limits.settled()
        assert await ask(other, "another guess of 20 characters") == 429
        assert await ask(system, ADMIN_TOKEN) == await ask(other, ADMIN_TOKEN) == 200
        assert (await system.rest("GET", "/admin/nodes", token="x" * 30))[0] == 401
        # Good from there before, and another process has seen that.
        services.api_tokens._cache.clear()
        assert await ask(system, ADMIN_TOKEN) == 200
        # However many there were, they are one entry and one key.
        await services.audit.settled()
        await system.central_system.limits.settled()
        assert await system.database.audit.count_documents({"event": "lockedOut"}) == 1
        where = {"_id": {"$regex": "^token:"}}
        assert await system.database.limits.count_documents(where) == 2

    async def test_short_ones_are_refused_though_they_are_stored(self, system: System) -> None:
        services = system.central_system.services
        await services.api_tokens.ensure_first("a short one")
        assert (await system.rest("GET", "/admin/nodes", token="a short one"))[0] == 401


class TestKeys:
    """Passwords of charge points."""

    @staticmethod
    async def guess(system: System, address: str, number: int) -> int:
        """Guess at the key of CP; returns the HTTP status of the refusal."""
        password, headers = f"a wrong key, {number:06}", {"X-Forwarded-For": address}
        try:
            await system.connect("CP", password=password, headers=headers)
        except HTTPClientError as error:
            return error.code
        raise AssertionError("let in")

    async def test_many_guesses_at_once_gain_nothing(self, system: System) -> None:
        await system.whitelist("CP", authorizationKey=KEY)
        guesses = (self.guess(system, "192.0.2.1", number) for number in range(40))
        assert Counter(await asyncio.gather(*guesses)) == {401: MOST, 429: 40 - MOST}

    async def test_a_flood_from_everywhere_does_not_delay_the_real_one(
        self, system: System
    ) -> None:
        await system.whitelist("CP", authorizationKey=KEY)
        real = {"X-Forwarded-For": "198.51.100.1"}
        charge_point = await system.connect("CP", password=KEY, headers=real)
        await charge_point.close()
        await eventually(lambda: system.record("CP"), lambda r: r["ocppSessionId"] is None)
        # As after a restart: no password is known to be good.
        system.central_system.admission._checker._verifier._good.clear()
        ended: list[str] = []

        async def one(number: int) -> None:
            await self.guess(system, f"10.0.{number // 200}.{number % 200}", number)
            ended.append("guess")

        guesses = [asyncio.create_task(one(number)) for number in range(80)]
        await asyncio.wait(guesses, return_when=asyncio.FIRST_COMPLETED)
        await system.connect("CP", password=KEY, headers=real)
        ended.append("real")
        await asyncio.gather(*guesses)
        assert ended.index("real") < 70


class TestSerialBinding:
    """A record that waits for a serial is behind the same door as the others."""

    async def boot(self, system: System, identity: str, **options: Any) -> tuple[str, str | None]:
        charge_point = await system.connect(identity, **options)
        status = (await charge_point.boot(chargePointSerialNumber="SN-1"))["status"]
        reason = None if status == "Accepted" else (await charge_point.closed())[1]
        return status, reason

    async def test_wrong_passwords_count_and_the_reason_is_true(self, system: System) -> None:
        await system.whitelist(None, id="CP", serialNumber="SN-1", authorizationKey=KEY)
        # Under other identities each time: it is the record that is guessed at.
        for number in range(MOST):
            found = await self.boot(system, f"X{number}", password=WRONG)
            assert found == ("Rejected", "Unauthorized")
        found = await self.boot(system, "X99", password=KEY)
        assert found == ("Rejected", "Too many failed attempts")
        elsewhere = {"X-Forwarded-For": "192.0.2.1"}
        assert await self.boot(system, "REAL", password=KEY, headers=elsewhere) == (
            "Accepted",
            None,
        )
        _, page = await system.rest("GET", "/admin/rejected-connections?reason=Unauthorized")
        assert {item["reportedSerialNumber"] for item in page["items"]} == {"SN-1"}

    async def test_serials_cannot_be_tried_one_after_the_other(self, system: System) -> None:
        await system.whitelist(None, id="CP", serialNumber="SN-1")
        await system.whitelist("KNOWN")
        reasons = Counter()
        for number in range(MOST * 20):
            charge_point = await system.connect("X")
            await charge_point.boot(chargePointSerialNumber=f"guess {number}")
            reasons[(await charge_point.closed())[1]] += 1
        assert reasons == {"Not whitelisted": MOST * 20}
        with pytest.raises(HTTPClientError) as refused:
            await system.connect("X")
        assert refused.value.code == 429 and refused.value.response is not None
        assert int(refused.value.response.headers["Retry-After"]) >= 1
        # Who is on record is heard, from the same address too.
        assert (await (await system.connect("KNOWN")).boot())["status"] == "Accepted"
        assert (await system.record("CP"))["chargePointIdentity"] is None

    async def test_an_operator_confirms(self, system: System) -> None:
        system.central_system.settings.confirm_serial_binding = True
        await system.whitelist(None, id="CP", serialNumber="sn-1")
        assert await self.boot(system, "ONE") == ("Rejected", "Waits for confirmation")
        assert (await system.record("CP"))["chargePointIdentity"] is None
        path = "/admin/rejected-connections?reason=Waits+for+confirmation"
        _, page = await system.rest("GET", path)
        [item] = page["items"]
        assert (item["reportedSerialNumber"], item["waitsFor"]) == ("SN-1", "CP")
        operator = Visitor(system)
        await operator.post("/sign-in", name="", secret=ADMIN_TOKEN)
        _, text = await operator.page("/turned-away")
        assert "Confirm that it is this one" in text
        assert 'action="/admin/charge-points/CP"' in text and 'value="ONE"' in text
        # What the button sends.
        status, _ = await system.rest(
            "PATCH", "/admin/charge-points/CP", {"chargePointIdentity": "ONE"}
        )
        assert status == 200
        assert "Confirm that it is this one" not in (await operator.page("/turned-away"))[1]
        assert (await (await system.connect("OTHER")).closed())[1] == "Not whitelisted"
        assert await self.boot(system, "ONE") == ("Accepted", None)


async def test_id_tags_are_not_guessed_and_drivers_not_kept_waiting(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(authorize, "asyncio", SimpleNamespace(sleep=sleep))
    await system.rest("POST", "/admin/id-tags", {"idTag": "DRIVER"})
    charge_point, neighbour = await system.online("CP1"), await system.online("CP2")

    async def status(id_tag: str, at: Any = charge_point) -> str:
        return str((await at.call("Authorize", {"idTag": id_tag}))["idTagInfo"]["status"])

    most = authorize.UNKNOWN_ID_TAGS.most
    for _ in range(most + 5):
        assert await status("SAME CARD") == "Invalid"
    for number in range(most - 1):
        assert await status(f"GUESS {number}") == "Invalid"
    assert waits == []
    assert await status("GUESS") == "Invalid"
    # It comes again with another connection: the count is of the charge point.
    await charge_point.close()
    charge_point = await system.connect("CP1")
    assert await status("GUESS AGAIN", charge_point) == "Invalid"
    assert len(waits) == 2 and set(waits) == {authorize.LATE}
    assert await status("DRIVER", charge_point) == "Accepted"
    assert await status("UNKNOWN", neighbour) == "Invalid"
    assert len(waits) == 2
    alarm = await eventually(
        lambda: system.database.alarms.find_one({"kind": "idTagGuessing"}), bool
    )
    assert alarm is not None and alarm["chargePointId"] == "CP1"


class TestMetricsToken:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        token = SecretStr("a-token-for-the-metrics")
        return settings.model_copy(update={"metrics_token": token})

    @pytest.mark.parametrize("token", [None, "", ADMIN_TOKEN, "a-token-for-the-metric", "é" * 20])
    async def test_others_read_nothing(self, system: System, token: str | None) -> None:
        response = await system.fetch("GET", "/metrics", token=token)
        assert response.code == 401 and b"csms_connections" not in response.body
        assert response.headers["WWW-Authenticate"].startswith("Bearer")

    async def test_who_has_it_does(self, system: System) -> None:
        response = await system.fetch("GET", "/metrics", token="a-token-for-the-metrics")
        assert response.code == 200 and b"csms_connections" in response.body


async def test_an_open_page_keeps_no_session_alive(system: System) -> None:
    """What a page fetches by itself, and its stream of events, against what a person does."""
    await make_user(system)
    browser = Browser(system, "192.0.2.1")
    await browser.sign_in("malee", PASSWORD)
    services = system.central_system.services
    long_ago = services.deps.clock() - timedelta(hours=1)

    async def was_used() -> bool:
        """Whether the session was used since this was asked last."""
        [session] = await system.database.sessions.find().to_list(None)
        await system.database.sessions.update_many({}, {"$set": {"usedAt": long_ago}})
        services.sessions._cache.clear()
        return bool(session["usedAt"] > long_ago)

    assert await was_used()
    for path, headers in (
        ("/", {"X_Live": "1"}),
        ("/admin/charge-points", {}),
        ("/meter-values/series", {}),
    ):
        assert (await browser.fetch("GET", path, **headers)).code in (200, 400), path
        assert not await was_used(), path
    async with Events(browser, "collections=charge_points") as events:
        await events.wait_for("live")
        assert not await was_used()
    assert (await browser.page("/charge-points"))[0] == 200
    assert await was_used()
    xsrf = await browser.xsrf()
    await was_used()
    body = '{"chargePointIdentity": "CP1"}'
    made = await browser.fetch("POST", "/admin/charge-points", body, X_XSRFToken=xsrf)
    assert made.code == 201
    assert await was_used()
