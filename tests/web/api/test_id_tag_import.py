"""`/admin/id-tags/import`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from csms.repositories import id_tag_import
from tests.support.system import System

pytestmark = pytest.mark.gen_test

PATH = "/admin/id-tags/import"
TAGS = "idTag,status,note\nT1,,ผู้จัดการ\nT2,Blocked,\nT3,odd,\n"


async def post(system: System, body: str | bytes, query: str = "", **headers: str) -> Any:
    sent = {"Content-Type": "text/csv", **headers}
    response = await system.fetch("POST", PATH + query, body, headers=sent)
    return response.code, json.loads(response.body)


async def stored(system: System) -> dict[str, Any]:
    return {tag["_id"]: tag async for tag in system.database.id_tags.find()}


async def test_answers_row_by_row(system: System) -> None:
    status, answer = await post(system, TAGS)
    assert status == 200
    rows = answer.pop("rows")
    assert answer == {
        "dryRun": False,
        "created": 2,
        "changed": 0,
        "unchanged": 0,
        "rejected": 1,
        "unknownColumns": [],
        "encoding": "utf-8",
        "delimiter": "comma",
    }
    assert [(row["row"], row["id"], row["result"]) for row in rows] == [
        (2, "T1", "created"),
        (3, "T2", "created"),
        (4, "T3", "rejected"),
    ]
    assert rows[2]["errors"][0]["field"] == "status"
    _, tag = await system.rest("GET", "/admin/id-tags/t1")
    assert (tag["idTag"], tag["status"], tag["note"]) == ("T1", "Accepted", "ผู้จัดการ")


async def test_a_dry_run_writes_nothing(system: System) -> None:
    _, answer = await post(system, TAGS, "?dryRun=true")
    assert (answer["dryRun"], answer["created"]) == (True, 2)
    assert await stored(system) == {}


async def test_changes_need_to_be_asked_for(system: System) -> None:
    await post(system, TAGS)
    changed = "idTag,status\nt2,Accepted\nT1,Accepted\n"
    _, answer = await post(system, changed)
    assert (answer["rejected"], answer["unchanged"]) == (1, 1)
    _, answer = await post(system, changed, "?update=true")
    assert (answer["changed"], answer["unchanged"]) == (1, 1)
    assert answer["rows"][0]["changes"] == {"status": {"from": "Blocked", "to": "Accepted"}}
    tag = (await stored(system))["t2"]
    assert (tag["idTag"], tag["status"]) == ("T2", "Accepted")


async def test_a_long_file_in_batches_line_by_line(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(id_tag_import, "BATCH", 2)
    body = "idTag\n" + "".join(f"T{number}\n" for number in range(5)) + "t0\n"
    headers = {"Content-Type": "text/csv", "Accept": "application/x-ndjson"}
    response = await system.fetch("POST", PATH, body, headers=headers)
    _, *rows, last = [json.loads(line) for line in response.body.splitlines()]
    assert [row["result"] for row in rows] == ["created"] * 5 + ["rejected"]
    assert last["summary"]["created"] == 5
    assert len(await stored(system)) == 5


async def test_who_was_quicker_is_told_of(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    decide = id_tag_import.IdTagImport._decide

    async def slowly(self: Any, *arguments: Any) -> Any:
        decisions = await decide(self, *arguments)
        await system.database.id_tags.insert_one({"_id": "t1", "idTag": "t1"})
        return decisions

    monkeypatch.setattr(id_tag_import.IdTagImport, "_decide", slowly)
    _, answer = await post(system, TAGS)
    assert [row["result"] for row in answer["rows"]] == ["rejected", "created", "rejected"]
    assert "somebody else" in answer["rows"][0]["errors"][0]["message"]


@pytest.mark.parametrize(
    ("body", "status"), [("", 400), ("a,b\n1,2\n", 422), (b"idTag\n\x00\n", 400)]
)
async def test_what_is_no_list_of_id_tags(system: System, body: str | bytes, status: int) -> None:
    assert (await post(system, body))[0] == status


async def test_a_viewer_may_not(system: System) -> None:
    made = await system.rest("POST", "/admin/tokens", {"name": "v", "role": "viewer"})
    response = await system.fetch(
        "POST", PATH, TAGS, token=made[1]["token"], headers={"Content-Type": "text/csv"}
    )
    assert response.code == 403
    assert await stored(system) == {}


async def test_an_id_tag_called_import(system: System) -> None:
    await post(system, "idTag\nimport\n")
    assert (await system.rest("GET", "/admin/id-tags/IMPORT"))[0] == 200
