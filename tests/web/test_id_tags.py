"""`/admin/id-tags`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.support.system import System

pytestmark = pytest.mark.gen_test

PATH = "/admin/id-tags"


async def test_the_life_of_an_id_tag(system: System) -> None:
    body = {"idTag": "Abc/1", "expiryDate": "2020-01-01T00:00:00Z", "parentIdTag": "G", "note": "n"}
    response = await system.fetch("POST", PATH, body)
    assert response.code == 201
    path = response.headers["Location"]
    assert path == f"{PATH}/Abc%2F1"
    status, tag = await system.rest("GET", f"{PATH}/{quote('aBC/1', safe='')}")
    assert status == 200
    assert {name: tag[name] for name in body} == body
    assert (tag["status"], tag["maxActiveTransactions"]) == ("Accepted", None)
    assert not {"_id", "id", "parentIdTagFolded"} & set(tag)
    status, tag = await system.rest("PATCH", path, {"status": "Blocked", "expiryDate": None})
    assert (status, tag["status"], tag["expiryDate"], tag["note"]) == (200, "Blocked", None, "n")
    assert (await system.fetch("DELETE", path)).code == 204
    for method in ("GET", "DELETE"):
        assert (await system.rest(method, path))[0] == 404
    assert (await system.rest("PATCH", path, {"note": "x"}))[0] == 404


async def test_a_tag_in_another_case_is_a_duplicate(system: System) -> None:
    assert (await system.rest("POST", PATH, {"idTag": "Tag"}))[0] == 201
    status, problem = await system.rest("POST", PATH, {"idTag": "TAG"})
    assert (status, problem["errors"][0]["field"]) == (409, "idTag")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "idTag"),
        ({"idTag": "x" * 501}, "idTag"),
        ({"idTag": {"$ne": 1}}, "idTag"),
        ({"idTag": "x", "status": "ConcurrentTx"}, "status"),
        ({"idTag": "x", "parentIdTag": "X"}, "parentIdTag"),
        ({"idTag": "x", "maxActiveTransactions": -1}, "maxActiveTransactions"),
        ({"idTag": "x", "expiryDate": "soon"}, "expiryDate"),
        ({"idTag": "x", "expiryDate": "0001-01-01T00:00:00+14:00"}, "expiryDate"),
        ({"idTag": "x", "expiryDate": "9999-12-31T23:59:59-12:00"}, "expiryDate"),
        ({"idTag": "x", "bogus": 1}, "bogus"),
    ],
)
async def test_bad_bodies(system: System, body: dict[str, Any], field: str) -> None:
    status, problem = await system.rest("POST", PATH, body)
    assert (status, [error["field"] for error in problem["errors"]]) == (422, [field])


async def test_listing(system: System) -> None:
    for id_tag in ("Abc", "abD", "b"):
        await system.rest("POST", PATH, {"idTag": id_tag, "status": "Blocked"})

    async def found(query: str) -> list[str]:
        return [t["idTag"] for t in (await system.rest("GET", f"{PATH}?{query}"))[1]["items"]]

    assert await found("q=AB") == ["Abc", "abD"]
    assert await found("q=%24") == []
    assert await found("status=Accepted") == []
    assert await found("limit=1") == ["Abc"]


async def test_the_group_of_others_says_so(system: System) -> None:
    async def shown(id_tag: str) -> tuple[bool, int]:
        _, tag = await system.rest("GET", f"{PATH}/{id_tag}")
        return tag["isParent"], tag["childCount"]

    # A group may have members before it is an id tag itself.
    await system.rest("POST", PATH, {"idTag": "A", "parentIdTag": "Group"})
    status, group = await system.rest("POST", PATH, {"idTag": "GROUP"})
    assert (status, group["isParent"], group["childCount"]) == (201, True, 1)
    await system.rest("POST", PATH, {"idTag": "B", "parentIdTag": "group"})
    assert await shown("group") == (True, 2)
    assert await shown("A") == (False, 0)
    _, page = await system.rest("GET", PATH)
    assert [(tag["idTag"], tag["childCount"]) for tag in page["items"]] == [
        ("A", 0), ("B", 0), ("GROUP", 2),
    ]  # fmt: skip
    await system.rest("PATCH", f"{PATH}/B", {"parentIdTag": None})
    _, tag = await system.rest("PATCH", f"{PATH}/A", {"parentIdTag": None})
    assert tag["isParent"] is False
    assert await shown("group") == (False, 0)
    charge_point = await system.online()
    await system.rest("PATCH", f"{PATH}/A", {"parentIdTag": "Group"})
    answer = await charge_point.call("Authorize", {"idTag": "Group"})
    assert answer["idTagInfo"]["status"] == "Invalid"
