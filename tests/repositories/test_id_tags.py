"""Id tags: found, changed and removed without case."""

from __future__ import annotations

import pytest

from csms import db
from csms.domain.id_tag import IdTagPatch, NewIdTag
from csms.errors import Duplicate, NotFound
from csms.repositories.id_tags import IdTags
from tests.repositories.conftest import START, Clock

pytestmark = pytest.mark.gen_test


@pytest.fixture
def id_tags(memory: db.Database) -> IdTags:
    return IdTags(memory)


async def test_case_makes_no_other_tag(id_tags: IdTags) -> None:
    await id_tags.create(NewIdTag(idTag="Tag1"), START)
    with pytest.raises(Duplicate, match="idTag"):
        await id_tags.create(NewIdTag(idTag="TAG1"), START)
    found = await id_tags.get("tAG1")
    assert found["idTag"] == "Tag1"


async def test_a_group_is_known_by_its_members(id_tags: IdTags) -> None:
    assert not await id_tags.is_parent("group")
    await id_tags.create(NewIdTag(idTag="T", parentIdTag="Group"), START)
    assert await id_tags.is_parent("GROUP")
    patch = IdTagPatch.model_validate({"parentIdTag": None})
    await id_tags.change("t", patch.document(), START)
    assert not await id_tags.is_parent("GROUP")


async def test_members_are_counted_for_many_at_once(id_tags: IdTags) -> None:
    for id_tag, group in (("G", None), ("H", "other"), ("A", "g"), ("B", "G")):
        await id_tags.create(NewIdTag(idTag=id_tag, parentIdTag=group), START)
    records = [record async for record in id_tags.all()]
    assert await id_tags.count_children(records) == {"a": 0, "b": 0, "g": 2, "h": 0}
    assert await id_tags.count_children([]) == {}


async def test_a_change_leaves_the_rest(id_tags: IdTags, clock: Clock) -> None:
    await id_tags.create(NewIdTag(idTag="T", note="mine", maxActiveTransactions=2), clock())
    clock.advance(minutes=1)
    patch = IdTagPatch.model_validate({"status": "Blocked"})
    changed = await id_tags.change("T", patch.document(), clock())
    assert (changed["status"], changed["note"], changed["maxActiveTransactions"]) == (
        "Blocked", "mine", 2,
    )  # fmt: skip
    assert changed["updatedAt"] > changed["createdAt"]


async def test_what_is_not_there(id_tags: IdTags) -> None:
    assert await id_tags.find("T") is None
    with pytest.raises(NotFound):
        await id_tags.get("T")
    with pytest.raises(NotFound):
        await id_tags.change("T", {}, START)
    with pytest.raises(NotFound):
        await id_tags.delete("T")
