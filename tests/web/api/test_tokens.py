"""Tokens with scopes, stations and an end: each may do what it says, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.domain.api_token import hash_token
from csms.web.api.base import endpoint_of
from csms.web.api.routes import ROUTES
from tests.support.pages import Visitor
from tests.support.system import System

pytestmark = pytest.mark.gen_test


async def make(system: System, **fields: Any) -> str:
    status, made = await system.rest("POST", "/admin/tokens", {"name": "app", **fields})
    assert status == 201, made
    return str(made["token"])


@pytest.mark.parametrize(
    ("scopes", "statuses"),
    [
        (["read"], (200, 403, 403)),
        (["operate"], (403, 404, 403)),
        (["read", "operate"], (200, 404, 403)),
        (["read", "admin"], (200, 403, 200)),
    ],
    ids=str,
)
async def test_a_scope_is_what_it_says(
    system: System, scopes: list[str], statuses: tuple[int, ...]
) -> None:
    token = await make(system, scopes=scopes)
    answers = [
        await system.rest("GET", "/admin/charge-points", token=token),
        await system.rest("DELETE", "/admin/charge-points/none", token=token),
        await system.rest("GET", "/admin/users", token=token),
    ]
    assert tuple(status for status, _ in answers) == statuses


async def test_a_role_has_all_scopes_up_to_it(system: System) -> None:
    await make(system, role="operator")
    _, page = await system.rest("GET", "/admin/tokens")
    (app,) = [token for token in page["items"] if token["name"] == "app"]
    assert (app["role"], app["scopes"], app["stations"]) == ("operator", ["read", "operate"], None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "role"),
        ({"role": "viewer", "scopes": ["read"]}, "role"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["write"]}, "scopes.0"),
        ({"role": "viewer", "stations": []}, "stations"),
        ({"role": "viewer", "stations": [""]}, "stations.0"),
    ],
    ids=str,
)
async def test_what_makes_no_token_is_named(
    system: System, body: dict[str, Any], field: str
) -> None:
    status, problem = await system.rest("POST", "/admin/tokens", {"name": "app", **body})
    assert status == 422
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_a_token_of_a_station_sees_that_station(system: System) -> None:
    await system.whitelist("NORTH-1", stationName="North")
    await system.whitelist("SOUTH-1", stationName="South")
    await system.whitelist("NOWHERE-1")
    token = await make(system, role="operator", stations=["North"])
    _, page = await system.rest("GET", "/admin/charge-points", token=token)
    assert [item["id"] for item in page["items"]] == ["NORTH-1"]
    _, page = await system.rest("GET", "/admin/charge-points?q=SOUTH", token=token)
    assert page["items"] == []
    for charge_point, expected in (("NORTH-1", 200), ("SOUTH-1", 404), ("NOWHERE-1", 404)):
        path = f"/admin/charge-points/{charge_point}"
        assert (await system.rest("GET", path, token=token))[0] == expected
        status, _ = await system.rest("PATCH", path, {"name": "mine"}, token=token)
        assert status == expected
        for list_of in ("transactions", "meter-values", "heartbeats", "reservations", "jobs"):
            query = f"/admin/{list_of}?chargePointId={charge_point}"
            assert (await system.rest("GET", query, token=token))[0] == expected
    assert (await system.record("SOUTH-1")).get("name") != "mine"


async def test_it_neither_takes_charge_points_nor_gives_them_away(system: System) -> None:
    await system.whitelist("NORTH-1", stationName="North")
    token = await make(system, role="operator", stations=["North"])
    path = "/admin/charge-points"
    new = {"chargePointIdentity": "NEW-1"}
    assert (await system.rest("POST", path, new, token=token))[0] == 403
    assert (await system.rest("POST", path, {**new, "stationName": "South"}, token=token))[0] == 403
    assert (await system.rest("POST", path, {**new, "stationName": "North"}, token=token))[0] == 201
    for station in ("South", None):
        body = {"stationName": station}
        assert (await system.rest("PATCH", path + "/NORTH-1", body, token=token))[0] == 403


async def test_it_does_not_revive_what_was_deleted_elsewhere(system: System) -> None:
    south = await system.online("SOUTH-1")
    await south.close()
    await system.rest("PATCH", "/admin/charge-points/SOUTH-1", {"stationName": "South"})
    assert (await system.rest("DELETE", "/admin/charge-points/SOUTH-1"))[0] == 204
    token = await make(system, role="operator", stations=["North"])
    new = {"id": "SOUTH-1", "chargePointIdentity": "MINE", "stationName": "North"}
    status, problem = await system.rest("POST", "/admin/charge-points", new, token=token)
    assert status == 403 and "choose another id" in problem["detail"]
    query = "/admin/boot-notifications?chargePointId=SOUTH-1"
    assert (await system.rest("GET", query, token=token))[0] == 404
    assert (await system.rest("POST", "/admin/charge-points", new))[0] == 201


async def test_it_operates_charge_points_of_its_station_alone(system: System) -> None:
    south = await system.online("SOUTH-1")
    await system.rest("PATCH", "/admin/charge-points/SOUTH-1", {"stationName": "South"})
    start = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    transaction = (await south.call("StartTransaction", start))["transactionId"]
    token = await make(system, role="operator", stations=["North"])
    for path, body in (
        ("/admin/charge-points/SOUTH-1/commands", {"action": "ClearCache", "payload": {}}),
        ("/admin/charge-points/SOUTH-1/remote-stop", {"transactionId": transaction}),
        (f"/admin/transactions/{transaction}/close", None),
    ):
        assert (await system.rest("POST", path, body, token=token))[0] == 404
    status, _ = await system.rest("GET", f"/admin/transactions/{transaction}", token=token)
    assert status == 404
    assert (await system.rest("GET", f"/admin/transactions/{transaction}"))[0] == 200
    theirs = await make(system, role="operator", stations=["South"])
    status, found = await system.rest("GET", f"/admin/transactions/{transaction}", token=theirs)
    assert (status, found["status"]) == (200, "Active")


async def test_everything_else_is_closed_to_it(system: System) -> None:
    """Every operation there is, but those about one charge point or by station, answers 403."""
    token = await make(system, scopes=["read", "operate", "admin"], stations=["North"])
    for route in ROUTES:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            declared = endpoint_of(route.handler, method)
            if declared is None or declared.by_station:
                continue
            path = route.path
            for name in route.parameters:
                path = path.replace("{" + name + "}", "1")
            status, _ = await system.rest(method, path, token=token)
            of_one = route.path.startswith("/admin/charge-points/{id}")
            assert status == (404 if of_one else 403), (method, route.path)


async def test_the_pages_are_closed_to_it(system: System) -> None:
    token = await make(system, role="operator", stations=["North"])
    visitor = Visitor(system)
    await visitor.post("/sign-in", name="", secret=token)
    for path in ("/", "/charge-points", "/charge-points.csv", "/live", "/transactions"):
        assert (await visitor.page(path))[0] in (302, 403), path


async def test_a_token_ends(system: System) -> None:
    token = await make(
        system, role="viewer", expiresAt=(datetime.now(UTC) + timedelta(hours=1)).isoformat()
    )
    assert (await system.rest("GET", "/admin/charge-points", token=token))[0] == 200
    past = datetime.now(UTC) - timedelta(seconds=1)
    await system.database.api_tokens.update_one({"name": "app"}, {"$set": {"expiresAt": past}})
    system.central_system.services.api_tokens._cache.clear()
    assert (await system.rest("GET", "/admin/charge-points", token=token))[0] == 401


async def test_a_node_that_knows_no_limits_does_not_know_a_limited_token(system: System) -> None:
    token = await make(system, role="operator", stations=["North"])
    tokens = system.database.api_tokens
    assert await tokens.find_one({"tokenHash": hash_token(token)}) is None
    plain = await make(system, role="operator")
    assert await tokens.find_one({"tokenHash": hash_token(plain)}) is not None


async def test_a_limited_token_that_is_revoked_is_out_at_once(system: System) -> None:
    token = await make(system, role="viewer", stations=["North"])
    assert (await system.rest("GET", "/admin/charge-points", token=token))[0] == 200
    (record,) = await system.database.api_tokens.find({"name": "app"}).to_list(None)
    await system.rest("DELETE", f"/admin/tokens/{record['_id']}")
    assert (await system.rest("GET", "/admin/charge-points", token=token))[0] == 401
