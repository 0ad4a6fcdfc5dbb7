"""Protocol trouble in records: counted behind, and counted anew."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.hold import Hold
from csms.domain.protocol_trouble import LEFT_BEHIND, refused_call
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test


async def held(system: System, charge_point_id: str = "CP1") -> Hold:
    """The hold of a session on a record."""
    session = {"$set": {"ocppSessionId": f"session of {charge_point_id}"}}
    await system.database.charge_points.update_one({"_id": charge_point_id}, session)
    return Hold(charge_point_id, f"session of {charge_point_id}")


async def counted(system: System) -> dict[str, Any]:
    """The record, when what was noted has been stored."""
    system.central_system.services.deps.held.store_signs_of_life()
    return await eventually(system.record, lambda record: record["protocolTrouble"].get("lastAt"))


async def test_trouble_is_counted_with_its_last_time(system: System) -> None:
    await system.whitelist("CP1")
    deps = system.central_system.services.deps
    for _ in range(3):
        deps.note_trouble(await held(system), refused_call("StopTransaction", "FormationViolation"))
    deps.note_trouble(await held(system), LEFT_BEHIND)
    trouble = (await counted(system))["protocolTrouble"]
    assert trouble.pop("lastAt") is not None
    assert trouble == {"refusedCalls": {"StopTransaction": {"FormationViolation": 3}},
                       "leftBehind": 1}  # fmt: skip
    response = await system.fetch("GET", "/metrics")
    assert b'csms_protocol_trouble_total{kind="refusedCalls"} 3.0' in response.body


async def test_a_quirk_is_trouble_unless_it_is_legal(system: System) -> None:
    await system.whitelist("CP1")
    await system.whitelist("CP2")
    deps = system.central_system.services.deps
    deps.held.note_sign_of_life(await held(system), deps.clock(), ["nullField"])
    deps.held.note_sign_of_life(await held(system, "CP2"), deps.clock(), ["noBootAfterReconnect"])
    assert (await counted(system))["quirks"] == {"nullField": 1}
    other = await eventually(lambda: system.record("CP2"), lambda record: record["quirks"])
    assert (other["quirks"], other["protocolTrouble"]) == ({"noBootAfterReconnect": 1}, {})


async def test_what_was_noted_before_counting_anew_is_forgotten(system: System) -> None:
    await system.whitelist("CP1")
    deps = system.central_system.services.deps
    deps.note_trouble(await held(system), LEFT_BEHIND)
    await counted(system)
    deps.note_trouble(await held(system), LEFT_BEHIND)
    deps.held.forget_signs("CP1")
    record = await deps.charge_points.forget_trouble("CP1", deps.clock())
    assert (record["protocolTrouble"], record["quirks"]) == ({}, {})
    deps.note_trouble(await held(system), LEFT_BEHIND)
    assert (await counted(system))["protocolTrouble"]["leftBehind"] == 1
