"""Authorize: what an id tag may do, whatever case it is written in."""

from __future__ import annotations

from typing import Any

import pytest

from csms.config import Settings
from tests.support.system import System

pytestmark = pytest.mark.gen_test

PAST, FUTURE = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"


async def info(system: System, id_tag: str, *records: dict[str, Any]) -> dict[str, Any]:
    for record in records:
        status, problem = await system.rest("POST", "/admin/id-tags", record)
        assert status == 201, problem
    charge_point = await system.online()
    answer = await charge_point.call("Authorize", {"idTag": id_tag})
    return dict(answer["idTagInfo"])


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, {"status": "Accepted"}),
        ({"status": "Blocked"}, {"status": "Blocked"}),
        ({"expiryDate": FUTURE}, {"status": "Accepted", "expiryDate": "2099-01-01T00:00:00.000Z"}),
        ({"expiryDate": PAST}, {"status": "Expired", "expiryDate": "2020-01-01T00:00:00.000Z"}),
        ({"parentIdTag": "Group"}, {"status": "Accepted", "parentIdTag": "Group"}),
        ({"maxActiveTransactions": 0}, {"status": "Accepted"}),
    ],
)
async def test_the_record_decides(
    system: System, record: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert await info(system, "tAG", {"idTag": "Tag"} | record) == expected


async def test_nobody_knows_it(system: System) -> None:
    assert await info(system, "TAG") == {"status": "Invalid"}


async def test_a_group_is_no_tag(system: System) -> None:
    records = ({"idTag": "GROUP"}, {"idTag": "TAG", "parentIdTag": "Group"})
    assert await info(system, "group", *records) == {"status": "Invalid"}


async def test_unknown_tags_can_be_let_charge(system: System) -> None:
    system.central_system.settings.unknown_id_tags = "Accepted"
    assert await info(system, "TAG") == {"status": "Accepted"}


async def test_a_tag_is_never_a_query(system: System) -> None:
    assert (await info(system, "$ne", {"idTag": "TAG"}))["status"] == "Invalid"


def test_unknown_tags_are_refused_unless_told_otherwise() -> None:
    assert Settings.model_fields["unknown_id_tags"].default == "Invalid"
