"""The pages of id tags."""

from __future__ import annotations

import pytest

from tests.support.pages import sign_in
from tests.support.system import System

pytestmark = pytest.mark.gen_test


async def add(system: System, id_tag: str, **fields: object) -> None:
    status, problem = await system.rest("POST", "/admin/id-tags", {"idTag": id_tag, **fields})
    assert status == 201, problem


async def test_the_list_and_its_filters(system: System) -> None:
    await add(system, "Anna1", note="<script>alert(1)</script>", parentIdTag="Family")
    await add(system, "anna2", status="Blocked")
    await add(system, "Old", expiryDate="2020-01-01T00:00:00Z")
    visitor = await sign_in(system, "viewer")
    visitor.cookies["csms_zone"] = "Asia/Bangkok"

    async def found(query: str) -> list[str]:
        _, text = await visitor.page(f"/id-tags?{query}")
        return [tag for tag in ("anna1", "anna2", "old") if f'id="tag-{tag}"' in text]

    assert await found("") == ["anna1", "anna2", "old"]
    assert await found("q=ANNA") == ["anna1", "anna2"]
    assert await found("status=Blocked") == ["anna2"]
    assert await found("q=%2e") == []
    _, text = await visitor.page("/id-tags")
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text
    assert "2020-01-01</span> <span>07:00:00" in text
    assert '<span class="badge dull">Expired</span>' in text
    assert "Family" in text


async def test_a_viewer_only_looks(system: System) -> None:
    await add(system, "T1")
    viewer = await sign_in(system, "viewer")
    _, text = await viewer.page("/id-tags")
    for path in ("/add-id-tag", "/import-id-tags", "/id-tags/T1/edit"):
        assert path not in text
        assert (await viewer.page(path))[0] == 403


async def test_the_forms(system: System) -> None:
    await add(system, "a/b", expiryDate="2027-01-01T00:00:00Z", maxActiveTransactions=0)
    operator = await sign_in(system, "operator")
    operator.cookies["csms_zone"] = "Asia/Bangkok"
    _, text = await operator.page("/id-tags")
    assert "/id-tags/a%2Fb/edit" in text
    status, text = await operator.page("/id-tags/a%2Fb/edit")
    assert status == 200
    assert 'data-api="PATCH" action="/admin/id-tags/a%2Fb"' in text
    assert 'data-api="DELETE" action="/admin/id-tags/a%2Fb"' in text
    assert 'value="2027-01-01T07:00:00"' in text
    assert 'max="1000000" value="0"' in text
    _, text = await operator.page("/add-id-tag?idTag=%22x")
    assert 'value="&quot;x"' in text and 'data-api="POST" action="/admin/id-tags"' in text
    assert (await operator.page("/id-tags/nobody/edit"))[0] == 404


async def test_export_and_import(system: System) -> None:
    await add(system, "Anna1", note="=1+1")
    await add(system, "Bob", status="Blocked")
    visitor = await sign_in(system, "operator")
    status, text = await visitor.page("/id-tags.csv?status=Accepted")
    assert status == 200
    assert text.splitlines() == [
        "\ufeffidTag,status,expiryDate,parentIdTag,maxActiveTransactions,note",
        "Anna1,Accepted,,,,'=1+1",
    ]
    _, text = await visitor.page("/import-id-tags")
    assert 'action="/admin/id-tags/import"' in text
    assert 'id="result"' in text


async def test_the_group_of_others_says_what_that_means(system: System) -> None:
    await add(system, "Family")
    await add(system, "Anna", parentIdTag="FAMILY")
    await add(system, "Bert", parentIdTag="Family")
    visitor = await sign_in(system, "operator")
    _, text = await visitor.page("/id-tags")
    row = text.partition('id="tag-family"')[2].partition("</tr>")[0]
    assert "group of 2" in row and '<span class="badge bad">Invalid</span>' in row
    assert text.count("group of") == 1
    said = "so Authorize answers Invalid to it"
    assert said in (await visitor.page("/id-tags/Family/edit"))[1]
    assert said not in (await visitor.page("/id-tags/Anna/edit"))[1]
