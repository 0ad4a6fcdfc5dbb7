"""What all of the REST has in common: tokens, roles, problems."""

from __future__ import annotations

from typing import Any

import pytest
from tornado.tcpclient import TCPClient

from tests.support.system import ADMIN_TOKEN, System

pytestmark = pytest.mark.gen_test


async def make_token(system: System, role: str, **fields: Any) -> str:
    body = {"name": role, "role": role, **fields}
    status, made = await system.rest("POST", "/admin/tokens", body)
    assert status == 201
    return str(made["token"])


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", "Basic dGVzdA==", ADMIN_TOKEN, "Bearer {}"]
)
async def test_without_a_good_token_it_is_a_401(system: System, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for method, path in (("GET", "/admin/charge-points"), ("POST", "/admin/charge-points/import")):
        response = await system.fetch(method, path, None, token=None, headers=headers)
        assert response.code == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert response.headers["Content-Type"] == "application/problem+json"


async def test_the_scheme_is_known_in_any_case(system: System) -> None:
    headers = {"Authorization": f"bearer {ADMIN_TOKEN}"}
    response = await system.fetch("GET", "/admin/charge-points", token=None, headers=headers)
    assert response.code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "needed"),
    [
        ("GET", "/admin/charge-points", None, "viewer"),
        ("GET", "/admin/meter-values?format=csv", None, "viewer"),
        ("POST", "/admin/charge-points", {"serialNumber": "S"}, "operator"),
        ("POST", "/admin/charge-points/import", "serialNumber\nS2\n", "operator"),
        ("POST", "/admin/charge-points/x/commands", {"action": "ClearCache"}, "operator"),
        ("POST", "/admin/id-tags", {"idTag": "T"}, "operator"),
        ("DELETE", "/admin/charge-points/x", None, "operator"),
        ("GET", "/admin/tokens", None, "admin"),
        ("POST", "/admin/tokens", {"name": "n", "role": "viewer"}, "admin"),
    ],
)
async def test_roles(system: System, method: str, path: str, body: Any, needed: str) -> None:
    roles = ["viewer", "operator", "admin"]
    for role in roles:
        token = await make_token(system, role)
        response = await system.fetch(method, path, body, token=token)
        allowed = roles.index(role) >= roles.index(needed)
        assert (response.code != 403) == allowed, role
        assert response.code not in (401, 500)


async def test_a_token_is_shown_once_and_can_be_revoked(system: System) -> None:
    token = await make_token(system, "viewer")
    assert (await system.rest("GET", "/admin/charge-points", token=token))[0] == 200
    _, page = await system.rest("GET", "/admin/tokens")
    [listed] = [item for item in page["items"] if item["name"] == "viewer"]
    assert token not in repr(page)
    assert token not in repr(await system.database.api_tokens.find().to_list(None))
    assert (await system.rest("DELETE", f"/admin/tokens/{listed['id']}"))[0] == 204
    assert (await system.rest("GET", "/admin/charge-points", token=token))[0] == 401
    assert (await system.rest("DELETE", f"/admin/tokens/{listed['id']}"))[0] == 404


async def test_a_token_ends_when_it_was_said_to(system: System) -> None:
    token = await make_token(system, "viewer", expiresAt="2020-01-01T00:00:00Z")
    assert (await system.rest("GET", "/admin/charge-points", token=token))[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/admin/nothing", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/admin/charge-points", 405),
        ("DELETE", "/admin/charge-points", 405),
        ("POST", "/admin/meter-values", 405),
    ],
)
async def test_every_error_is_a_problem(
    system: System, method: str, path: str, status: int
) -> None:
    response = await system.fetch(method, path, b"{}" if method in ("PUT", "POST") else None)
    assert response.code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    if status == 405:
        assert "GET" in response.headers["Allow"]


async def test_a_body_must_say_that_it_is_json(system: System) -> None:
    response = await system.fetch(
        "POST", "/admin/charge-points", '{"serialNumber":"S"}', headers={"Content-Type": "text/csv"}
    )
    assert response.code == 415


@pytest.mark.parametrize("path", ["/admin/charge-points", "/admin/charge-points/x/verify"])
async def test_a_body_that_is_too_large_is_a_413(system: System, path: str) -> None:
    response = await system.fetch("POST", path, b" " * 2_000_000)
    assert response.code == 413
    assert response.headers["Content-Type"] == "application/problem+json"


async def test_a_body_of_unknown_length_may_not_be_too_large_either(system: System) -> None:
    stream = await TCPClient().connect("127.0.0.1", system.central_system.port)
    await stream.write(
        b"POST /admin/charge-points HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        + f"Authorization: Bearer {ADMIN_TOKEN}\r\n\r\n".encode()
    )
    for _ in range(20):
        await stream.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
    await stream.write(b"0\r\n\r\n")
    assert b" 413 " in await stream.read_until(b"\r\n")
    stream.close()


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("transactions?connectorId=99999999999999999999", "connectorId"),
        ("transactions?transactionId=-99999999999999999999", "transactionId"),
        ("meter-values?transactionId=99999999999999999999", "transactionId"),
        ("meter-values?format=csv&limit=99999999999999999999", "limit"),
        ("heartbeats?from=0001-01-01T00:00:00%2B14:00", "from"),
        ("transactions?to=9999-12-31T23:59:59-12:00", "to"),
    ],
)
async def test_what_no_database_holds_is_a_422(system: System, path: str, field: str) -> None:
    status, problem = await system.rest("GET", f"/admin/{path}")
    assert (status, [error["field"] for error in problem["errors"]]) == (422, [field])


async def test_an_object_that_is_none_names_the_body(system: System) -> None:
    _, problem = await system.rest("POST", "/admin/charge-points", "[]")
    assert problem["errors"] == [{"field": "body", "message": "should be a JSON object"}]
