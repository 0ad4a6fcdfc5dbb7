"""SendLocalList and GetLocalListVersion: by hand, and kept up to date with the id tags."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.support import command, mistakes
from tests.support.charge_point import ScriptedChargePoint, configuration_answer
from tests.support.system import System

pytestmark = pytest.mark.gen_test

ACTION = "SendLocalList"
PATH = "/admin/charge-points/CP1/local-list"
ACCEPTED = {"status": "Accepted"}


class LocalList:
    """A charge point's list, kept as the standard says."""

    def __init__(self, charge_point: ScriptedChargePoint, **configuration: str) -> None:
        self.version = 0
        self.tags: dict[str, str] = {}
        self.updates: list[dict[str, Any]] = []
        self.refusals: list[str] = []
        charge_point.answers["GetConfiguration"] = lambda payload: configuration_answer(
            configuration, payload.get("key")
        )
        charge_point.answers["GetLocalListVersion"] = lambda _: {"listVersion": self.version}
        charge_point.answers[ACTION] = self.take

    def take(self, update: dict[str, Any]) -> dict[str, str]:
        self.updates.append(update)
        if self.refusals:
            return {"status": self.refusals.pop(0)}
        if update["updateType"] == "Full":
            self.tags.clear()
        elif update["listVersion"] <= self.version:
            return {"status": "VersionMismatch"}
        for entry in update["localAuthorizationList"]:
            if "idTagInfo" in entry:
                self.tags[entry["idTag"]] = entry["idTagInfo"]["status"]
            else:
                del self.tags[entry["idTag"]]
        self.version = update["listVersion"]
        return ACCEPTED


async def add_tags(system: System, *id_tags: str) -> None:
    for id_tag in id_tags:
        status, problem = await system.rest("POST", "/admin/id-tags", {"idTag": id_tag})
        assert status == 201, problem


async def sync(system: System, body: Any = None) -> dict[str, Any]:
    status, update = await system.rest("POST", PATH, body or {})
    assert status == 200, update
    return dict(update)


async def test_changes_follow_a_full_list(system: System) -> None:
    await add_tags(system, "A", "B", "C")
    charge_point = await system.online()
    held = LocalList(charge_point)
    first = await sync(system)
    assert first == {"status": "Accepted", "updateType": "Full", "listVersion": 1, "sent": 3}
    assert (await sync(system))["status"] == "UpToDate"
    await system.rest("PATCH", "/admin/id-tags/B", {"status": "Blocked"})
    await system.fetch("DELETE", "/admin/id-tags/C")
    await add_tags(system, "D")
    second = await sync(system)
    assert (second["updateType"], second["listVersion"], second["sent"]) == ("Differential", 2, 3)
    assert held.tags == {"A": "Accepted", "B": "Blocked", "D": "Accepted"}
    _, shown = await system.rest("GET", PATH)
    assert (shown["listVersion"], shown["reportedVersion"]) == (2, 1)
    assert {e["idTag"]: e["idTagInfo"]["status"] for e in shown["entries"]} == held.tags


async def test_a_version_mismatch_is_followed_by_the_whole_list(system: System) -> None:
    await add_tags(system, "A")
    charge_point = await system.online()
    held = LocalList(charge_point)
    await sync(system)
    await add_tags(system, "B")
    held.refusals = ["VersionMismatch"]
    update = await sync(system)
    assert [u["updateType"] for u in held.updates] == ["Full", "Differential", "Full"]
    assert (update["status"], update["updateType"]) == ("Accepted", "Full")
    assert held.tags == {"A": "Accepted", "B": "Accepted"}


async def test_a_charge_point_that_lost_its_list_gets_it_whole(system: System) -> None:
    await add_tags(system, "A")
    charge_point = await system.online()
    held = LocalList(charge_point)
    await sync(system)
    held.version, held.tags = 0, {}
    assert (await sync(system))["updateType"] == "Full"
    assert held.tags == {"A": "Accepted"}


async def test_a_list_is_sent_in_portions(system: System) -> None:
    await add_tags(system, *"ABCDE")
    charge_point = await system.online()
    held = LocalList(charge_point, SendLocalListMaxLength="2", LocalAuthListMaxLength="5")
    update = await sync(system)
    assert [len(u["localAuthorizationList"]) for u in held.updates] == [2, 2, 1]
    assert (update["listVersion"], update["sent"], len(held.tags)) == (3, 5, 5)


async def test_a_charge_point_that_cannot_hold_all_is_sent_nothing(system: System) -> None:
    await add_tags(system, "A", "B")
    charge_point = await system.online()
    held = LocalList(charge_point, LocalAuthListMaxLength="1")
    status, problem = await system.rest("POST", PATH, {})
    assert (status, problem["errors"][0]["field"]) == (422, "idTags")
    assert held.updates == []


@pytest.mark.parametrize("answer", ["Failed", "NotSupported"])
async def test_a_refusal_is_told_and_nothing_kept(system: System, answer: str) -> None:
    await add_tags(system, "A")
    charge_point = await system.online()
    held = LocalList(charge_point)
    held.refusals = [answer]
    assert (await sync(system))["status"] == answer
    assert (await system.rest("GET", PATH))[1]["entries"] == []


async def test_a_charge_point_without_a_list_is_sent_none(system: System) -> None:
    charge_point = await system.online()
    held = LocalList(charge_point)
    held.version = -1
    assert await sync(system) == {
        "status": "NotSupported",
        "updateType": None,
        "listVersion": -1,
        "sent": 0,
    }
    assert held.updates == []


async def test_by_hand_it_is_sent_as_it_is_and_kept(system: System) -> None:
    charge_point = await system.online()
    asked = {
        "listVersion": 4,
        "updateType": "Full",
        "localAuthorizationList": [{"idTag": "X", "idTagInfo": {"status": "Blocked"}}],
    }
    assert await command(system, charge_point, ACTION, asked, ACCEPTED) == asked
    _, shown = await system.rest("GET", PATH)
    assert (shown["listVersion"], shown["entries"]) == (4, asked["localAuthorizationList"])


async def test_what_the_charge_point_can_judge_is_sent(system: System) -> None:
    charge_point = await system.online()
    asked = {
        "listVersion": 0,
        "updateType": "Full",
        "localAuthorizationList": [{"idTag": "X"}, {"idTag": "x"}],
    }
    assert await command(system, charge_point, ACTION, asked, {"status": "Failed"}) == asked


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"listVersion": "1"}, "listVersion"),
        ({"updateType": "Partial"}, "updateType"),
        (
            {
                "localAuthorizationList": [
                    {"idTag": "X", "idTagInfo": {"status": "Accepted", "expiryDate": "never"}}
                ]
            },
            "localAuthorizationList.0.idTagInfo.expiryDate",
        ),
    ],
)
async def test_mistakes(system: System, changes: dict[str, Any], field: str) -> None:
    await system.online()
    payload = {"listVersion": 1, "updateType": "Full"} | changes
    assert await mistakes(system, ACTION, payload) == [field]
