"""Commands and audit."""

from __future__ import annotations

import pytest
from pymongo.errors import OperationFailure

from tests.support.pages import sign_in
from tests.support.system import ADMIN_TOKEN, System, eventually


@pytest.mark.gen_test
async def test_commands_are_listed_filtered_and_shown(system: System) -> None:
    charge_point = await system.online()
    charge_point.answers["Reset"] = lambda _: {"status": "Accepted"}
    charge_point.answers["ClearCache"] = lambda _: {"status": "Rejected"}
    path = "/admin/charge-points/CP1/commands"
    _, reset = await system.rest("POST", path, {"action": "Reset", "payload": {"type": "Soft"}})
    await system.rest("POST", path, {"action": "ClearCache"})
    visitor = await sign_in(system, "viewer")
    _, text = await visitor.page("/commands")
    assert f'id="c-{reset["id"]}"' in text and text.count('id="c-') == 2
    _, text = await visitor.page("/commands?action=Reset")
    assert text.count('id="c-') == 1
    assert (await visitor.page("/commands?from=2999-01-01T00:00:00"))[1].count('id="c-') == 0
    assert (await visitor.page("/commands?to=2999-01-01T00:00:00"))[1].count('id="c-') == 2
    assert (await visitor.page("/commands?chargePointId=OTHER"))[1].count('id="c-') == 0
    status, text = await visitor.page(f"/commands/{reset['id']}")
    assert status == 200 and "&quot;type&quot;: &quot;Soft&quot;" in text
    assert (await visitor.page("/commands/" + "0" * 32))[0] == 404
    await system.whitelist("CP2")
    _, problem = await system.rest("POST", path.replace("CP1", "CP2"), {"action": "ClearCache"})
    await charge_point.boot()
    assert "not sent" in (await visitor.page(f"/commands/{problem['commandId']}"))[1]

    async def done() -> str:
        return (await visitor.page("/commands"))[1]

    await eventually(done, lambda text: "the charge point has booted since" in text)
    assert "the charge point has booted since" in (await visitor.page("/charge-points/CP1"))[1]
    assert "not sent" in (await visitor.page("/charge-points/CP2"))[1]


@pytest.mark.gen_test
async def test_changes_are_noted_without_their_values(system: System) -> None:
    key = "a secret of twenty b"
    await system.whitelist("CP1", authorizationKey=key, name="Bay")
    await system.rest("PATCH", "/admin/charge-points/CP1", {"name": ""})
    await system.rest("DELETE", "/admin/charge-points/CP1")
    await system.rest("DELETE", "/admin/charge-points/CP1")
    status, audit = await system.rest("GET", "/admin/audit")
    assert status == 200
    noted = [(one["method"], one["path"], one["fields"]) for one in audit["items"]]
    assert noted == [
        ("DELETE", "/admin/charge-points/CP1", []),
        ("POST", "/admin/charge-points", ["chargePointIdentity", "id", "authorizationKey", "name"]),
    ]
    assert audit["items"][0]["by"] == "environment"
    stored = str(await system.database.audit.find().to_list(None))
    assert key not in stored and "Bay" not in stored and ADMIN_TOKEN not in stored
    visitor = await sign_in(system)
    _, text = await visitor.page("/audit?by=environment")
    assert "DELETE /admin/charge-points/CP1" in text
    assert "Nothing fits." in (await visitor.page("/audit?by=nobody"))[1]
    assert (await visitor.page("/audit?to=2020-01-01T00:00:00"))[1].count('id="a-') == 0


@pytest.mark.gen_test
async def test_the_audit_is_for_admins(system: System) -> None:
    visitor = await sign_in(system, "operator")
    assert (await visitor.page("/audit"))[0] == 403
    assert (await visitor.page("/admin/audit"))[0] == 403
    assert "/audit" not in (await visitor.page("/commands"))[1]


@pytest.mark.gen_test
async def test_the_status_that_was_answered_is_noted(system: System) -> None:
    await system.whitelist("CP1")
    await system.rest("PATCH", "/admin/charge-points/CP1", {"name": "Bay"})
    await system.rest("DELETE", "/admin/charge-points/CP1")
    _, audit = await system.rest("GET", "/admin/audit")
    noted = [(one["method"], one["status"]) for one in audit["items"]]
    assert noted == [("DELETE", 204), ("PATCH", 200), ("POST", 201)]


@pytest.mark.gen_test
async def test_a_change_stands_though_it_cannot_be_noted(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise OperationFailure("not allowed")

    monkeypatch.setattr(system.central_system.services.audit, "record", fail)
    await system.whitelist("CP1")
    assert (await system.record("CP1"))["_id"] == "CP1"
    assert await system.database.audit.count_documents({}) == 0
