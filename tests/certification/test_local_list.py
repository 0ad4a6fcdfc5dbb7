"""Certification cases of the profile Local Auth List Management."""

from __future__ import annotations

import pytest

from tests.certification.kit import ACCEPTED, OTHER_VALID, VALID, Kit

pytestmark = pytest.mark.gen_test


def entry(id_tag: str) -> dict[str, object]:
    return {"idTag": id_tag, "idTagInfo": ACCEPTED}


def full(version: int = 1) -> dict[str, object]:
    return {
        "listVersion": version,
        "updateType": "Full",
        "localAuthorizationList": [entry(VALID), entry(OTHER_VALID)],
    }


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(-1, id="tc_042_1_csms_not_supported"),
        pytest.param(0, id="tc_042_2_csms_empty"),
    ],
)
async def test_get_local_list_version(kit: Kit, version: int) -> None:
    assert await kit.command("GetLocalListVersion", {}, {"listVersion": version}) == {}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("NotSupported", id="tc_043_1_csms"),
        pytest.param("Failed", id="tc_043_3_csms"),
        pytest.param("Accepted", id="tc_043_4_csms"),
    ],
)
async def test_full_list(kit: Kit, answer: str) -> None:
    assert await kit.command("SendLocalList", full(), {"status": answer}) == full()


async def test_tc_043_5_csms_differential_list(kit: Kit) -> None:
    await kit.command("GetLocalListVersion", {}, {"listVersion": 0})
    await kit.command("SendLocalList", full(1), ACCEPTED)
    change = {
        "listVersion": 2,
        "updateType": "Differential",
        "localAuthorizationList": [entry("NEW-TAG")],
    }
    assert await kit.command("SendLocalList", change, ACCEPTED) == change
    await kit.command("GetLocalListVersion", {}, {"listVersion": 2})
