"""Tolerated deviations of connections: served, counted with the charge point, and shown."""

from __future__ import annotations

from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from csms.config import Settings
from csms.ocppj.quirks import QUIRKS
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

SETTINGS = ("allow_missing_subprotocol", "ignore_identity_case")


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Lenient settings, but where a test is about strict ones."""
    lenient = request.node.get_closest_marker("parametrize") is None
    update: dict[str, Any] = dict.fromkeys(SETTINGS, lenient) | {"allow_trailing_slash": lenient}
    return settings.model_copy(update=update)


async def counted(system: System, **expected: int) -> None:
    """See that REST shows these quirks of the charge point, and the charge point under them."""

    async def read() -> Any:
        return (await system.rest("GET", "/admin/charge-points/CP1"))[1]["quirks"]

    await eventually(read, lambda shown: shown == expected)
    _, page = await system.rest("GET", "/admin/quirks")
    having = {item["quirk"]: item["chargePoints"] for item in page["items"]}
    assert having == {quirk.name: int(quirk.name in expected) for quirk in QUIRKS}


async def test_a_slash_at_the_end(system: System) -> None:
    await system.whitelist()
    charge_point = await ScriptedChargePoint.connect(system.ocpp + "/CP1", "")
    assert (await charge_point.boot())["status"] == "Accepted"
    await counted(system, trailingSlash=1)
    await charge_point.close()


async def test_no_subprotocol(system: System) -> None:
    await system.whitelist()
    charge_point = await system.connect(subprotocols=[])
    assert (await charge_point.boot())["status"] == "Accepted"
    await counted(system, missingSubprotocol=1)


async def test_the_identity_in_other_case(system: System) -> None:
    await system.whitelist()
    await system.rest("PATCH", "/admin/charge-points/CP1", {"authorizationKey": "k" * 16})
    charge_point = await system.connect("cp1", password="k" * 16)
    assert (await charge_point.boot())["status"] == "Accepted"
    await counted(system, identityCase=1)
    assert (await system.record())["ocppSessionId"] is not None


async def test_two_of_before_that_differ_in_case_alone_are_told_apart(system: System) -> None:
    await system.whitelist("CP1")
    # As version 0.1.0 wrote it, which let such a record in.
    older = {**await system.record("CP1"), "_id": "cP1", "chargePointIdentity": "cP1"}
    older = {k: v for k, v in older.items() if not k.endswith("Folded")}
    await system.database.charge_points.insert_one(older)
    charge_point = await system.connect("cp1")
    assert await charge_point.closed() == (1008, "Not whitelisted")
    for identity in ("CP1", "cP1"):
        await (await system.connect(identity)).boot()
        assert (await system.record(identity))["ocppSessionId"] is not None


async def test_a_reconnect_without_a_boot(system: System) -> None:
    charge_point = await system.online()
    await charge_point.close()
    charge_point = await system.connect()
    for _ in range(2):
        await charge_point.call("Heartbeat", {})
    await counted(system, noBootAfterReconnect=1)


@pytest.mark.parametrize(
    ("path", "options", "refusal"),
    [
        ("/CP1/", {}, 400),
        ("/CP1", {"subprotocols": []}, 400),
        ("/cp1", {}, None),
    ],
)
async def test_the_settings_can_forbid_it(
    system: System, path: str, options: dict[str, Any], refusal: int | None
) -> None:
    await system.whitelist()
    url, _, identity = (system.ocpp + path).rpartition("/")
    if refusal is None:
        charge_point = await system.connect(identity, **options)
        assert (await charge_point.closed())[1] == "Not whitelisted"
    else:
        with pytest.raises(HTTPClientError, match=str(refusal)):
            await ScriptedChargePoint.connect(url, identity, **options)
