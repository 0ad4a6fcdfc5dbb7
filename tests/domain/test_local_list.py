"""The local authorization list: what it holds, and what an update has to say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from csms.domain.local_list import changes, entries_of, portions, updated

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def entry(id_tag: str, status: str = "Accepted") -> dict[str, Any]:
    return {"idTag": id_tag, "idTagInfo": {"status": status}}


def test_entries_say_what_authorize_would() -> None:
    tags = [
        {"_id": "a", "idTag": "A", "status": "Blocked"},
        {"_id": "b", "idTag": "B", "parentIdTag": "G", "expiryDate": NOW + timedelta(days=1)},
        {"_id": "c", "idTag": "C", "expiryDate": NOW},
        {"_id": "g", "idTag": "G"},
        {"_id": "x" * 21, "idTag": "X" * 21},
    ]
    assert entries_of(tags, frozenset({"g"}), NOW) == [
        entry("A", "Blocked"),
        {
            "idTag": "B",
            "idTagInfo": {
                "status": "Accepted",
                "expiryDate": "2026-11-24T00:00:00.000Z",
                "parentIdTag": "G",
            },
        },
        {
            "idTag": "C",
            "idTagInfo": {"status": "Expired", "expiryDate": "2026-11-23T00:00:00.000Z"},
        },
    ]


lists = st.dictionaries(
    st.sampled_from(["a", "B", "c", "D"]), st.sampled_from(["Accepted", "Blocked"])
).map(lambda tags: [entry(id_tag, status) for id_tag, status in tags.items()])


@given(lists, lists)
def test_the_changes_make_one_list_of_the_other(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    told = changes(before, after)
    update = {"updateType": "Differential", "localAuthorizationList": told}
    made = updated(before, update)
    assert sorted(made, key=str) == sorted(after, key=str)
    assert changes(made, after) == []


def test_a_full_update_forgets_what_was() -> None:
    update = {"updateType": "Full", "localAuthorizationList": [entry("NEW")]}
    assert updated([entry("OLD")], update) == [entry("NEW")]
    assert updated([entry("OLD")], {"updateType": "Full"}) == []


def test_portions_are_numbered_and_only_the_first_is_full() -> None:
    entries = [entry(str(number)) for number in range(5)]
    made = portions(entries, "Full", 7, 2)
    assert [(p["listVersion"], p["updateType"]) for p in made] == [
        (7, "Full"),
        (8, "Differential"),
        (9, "Differential"),
    ]
    assert [e for p in made for e in p["localAuthorizationList"]] == entries
    assert len(portions(entries, "Full", 1, None)) == 1
    [empty] = portions([], "Full", 1, 2)
    assert empty["localAuthorizationList"] == []
