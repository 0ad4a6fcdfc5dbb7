"""`/openapi.json` and `/docs`."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from csms.web.api.routes import ROUTES
from csms.web.openapi import document
from tests.support.system import System


def references(value: Any) -> list[str]:
    return re.findall(r'"\$ref": "([^"]+)"', json.dumps(value))


def test_every_route_is_described() -> None:
    assert set(document()["paths"]) == {route.path for route in ROUTES}


def test_every_reference_resolves() -> None:
    described = document()
    assert references(described)
    for reference in references(described):
        found: Any = described
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_operations_have_what_clients_need() -> None:
    post = document()["paths"]["/admin/charge-points"]["post"]
    body = post["requestBody"]["content"]["application/json"]
    assert body["example"]["name"] == "สถานีทดสอบบางนา"
    assert {"201", "401", "403", "409", "422"} <= set(post["responses"])
    get = document()["paths"]["/admin/meter-values"]["get"]
    assert {"chargePointId", "from", "to", "measurand", "format", "cursor"} <= {
        parameter["name"] for parameter in get["parameters"]
    }
    assert set(get["responses"]["200"]["content"]) == {
        "application/json", "application/x-ndjson", "text/csv"
    }  # fmt: skip
    ids = [
        operation["operationId"]
        for path in document()["paths"].values()
        for operation in path.values()
    ]
    assert len(ids) == len(set(ids))


@pytest.mark.gen_test
async def test_the_docs_need_nothing_from_outside(system: System) -> None:
    page = (await system.fetch("GET", "/docs", token=None)).body.decode()
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(links) >= 4
    for link in links:
        response = await system.fetch("GET", f"/{link}", token=None)
        assert response.code == 200 and response.body, link
    response = await system.fetch("GET", "/openapi.json", token=None)
    assert json.loads(response.body) == document()
