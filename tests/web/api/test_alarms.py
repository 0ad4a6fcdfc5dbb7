"""`/admin/alarms`: lists, and what an operator does about an alarm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from csms.domain.alarm import Alarm, AlarmKind
from tests.support.pages import sign_in
from tests.support.system import System

pytestmark = pytest.mark.gen_test

SERIAL = AlarmKind.SERIAL_NOT_SHOWN


def raised(
    system: System, subject: str, kind: AlarmKind = SERIAL, about: str | None = None
) -> None:
    facts = (("address", "192.0.2.1"),)
    system.central_system.alarms.note(Alarm(kind, subject, about, facts))


async def stored(system: System, *subjects: str) -> None:
    """Raise alarms about charge points, one after the other."""
    for number, subject in enumerate(subjects):
        raised(system, subject, about=subject)
        await system.central_system.telemetry.close()
        now = system.central_system.services.deps.clock()
        at = {"raisedAt": now - timedelta(hours=1) + timedelta(seconds=number)}
        await system.database.alarms.update_one({"subject": subject}, {"$set": at})


async def items(system: System, query: str = "") -> list[dict[str, Any]]:
    status, page = await system.rest("GET", f"/admin/alarms?{query}")
    assert status == 200, page
    return list(page["items"])


async def subjects(system: System, query: str = "") -> list[str]:
    return [alarm["subject"] for alarm in await items(system, query)]


async def act(system: System, subject: str, action: str, token: str | None = None) -> Any:
    """Acknowledge or close the newest alarm about a subject; returns what REST answers."""
    [alarm] = [one for one in await items(system) if one["subject"] == subject][:1]
    path = f"/admin/alarms/{alarm['id']}/{action}"
    status, answer = await system.rest("POST", path, **({"token": token} if token else {}))
    return status, answer


async def test_an_alarm_says_what_it_is_and_what_to_do(system: System) -> None:
    await stored(system, "CP1")
    [alarm] = await items(system)
    assert alarm["title"] == "Accepted without a serial number or a password"
    assert alarm["remedy"].startswith("Enter the serial number")
    assert (alarm["severity"], alarm["facts"]) == ("warning", {"address": "192.0.2.1"})
    assert (alarm["open"], alarm["count"], alarm["chargePointId"]) == (True, 1, "CP1")
    assert (await system.rest("GET", f"/admin/alarms/{alarm['id']}"))[1] == alarm


async def test_open_ones_come_first_the_latest_at_the_top(system: System) -> None:
    names = [f"CP{number}" for number in range(6)]
    await stored(system, *names)
    for subject in ("CP4", "CP1"):
        assert (await act(system, subject, "close"))[0] == 200
    expected = ["CP5", "CP3", "CP2", "CP0", "CP1", "CP4"]
    assert await subjects(system) == expected
    assert await subjects(system, "open=true") == expected[:4]
    assert await subjects(system, "open=false") == expected[4:]
    for limit in (1, 2, 3, 4, 5):
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            query = f"limit={limit}" + (f"&cursor={cursor}" if cursor else "")
            _, page = await system.rest("GET", f"/admin/alarms?{query}")
            found += [alarm["subject"] for alarm in page["items"]]
            cursor = page["nextCursor"]
        assert found == expected


@pytest.mark.parametrize("cursor", ["", "x", "o.x", "c.AAAA", "c.", "z.", "."])
async def test_a_cursor_of_elsewhere_is_refused(system: System, cursor: str) -> None:
    status, problem = await system.rest("GET", f"/admin/alarms?open=true&cursor={cursor}")
    assert (status, problem["errors"][0]["field"]) == (422, "cursor")


async def test_the_overview_shows_critical_ones_first(system: System) -> None:
    raised(system, "node", AlarmKind.NODE_CLOCK)
    await stored(system, *(f"CP{number}" for number in range(8)))
    visitor = await sign_in(system, "viewer")
    _, text = await visitor.page("/")
    assert "The clock of a node is off" in text
    assert text.count("Accepted without a serial number") < 8


async def test_those_of_a_charge_point_end_when_it_is_deleted(system: System) -> None:
    await system.whitelist("CP1")
    await stored(system, "CP1", "CP2")
    assert (await system.fetch("DELETE", "/admin/charge-points/CP1")).code == 204
    await system.central_system.telemetry.close()
    assert await subjects(system, "open=true") == ["CP2"]


async def test_filters(system: System) -> None:
    await stored(system, "CP1", "CP2")
    raised(system, "node", AlarmKind.NODE_CLOCK)
    await system.central_system.telemetry.close()
    assert await subjects(system, "kind=nodeClock") == ["node"]
    assert await subjects(system, "chargePointId=CP2") == ["CP2"]
    for wrong in ("kind=nothing", "open=perhaps", "limit=0", "other=1"):
        assert (await system.rest("GET", f"/admin/alarms?{wrong}"))[0] == 422


async def test_who_looks_after_it_first_is_kept_and_audited(system: System) -> None:
    await stored(system, "CP1")
    _, made = await system.rest("POST", "/admin/tokens", {"name": "malee", "role": "operator"})
    status, alarm = await act(system, "CP1", "acknowledge", made["token"])
    assert (status, alarm["acknowledgedBy"], alarm["open"]) == (200, "malee", True)
    status, again = await act(system, "CP1", "acknowledge")
    assert (status, again) == (200, alarm)
    _, page = await system.rest("GET", "/admin/audit?by=malee")
    assert [entry["path"] for entry in page["items"]] == [
        f"/admin/alarms/{alarm['id']}/acknowledge"
    ]


async def test_what_is_closed_stays_so_and_is_raised_anew(system: System) -> None:
    await stored(system, "CP1")
    # Repeats that were gathered when it was closed do not open it again.
    raised(system, "CP1", about="CP1")
    status, alarm = await act(system, "CP1", "close")
    assert (status, alarm["open"], alarm["closedBy"]) == (200, False, "environment")
    system.central_system.alarms.store_repeats()
    await system.central_system.telemetry.close()
    assert await subjects(system, "open=true") == []
    assert (await act(system, "CP1", "close"))[1] == alarm
    raised(system, "CP1", about="CP1")
    await system.central_system.telemetry.close()
    [anew] = await items(system, "open=true")
    assert anew["id"] != alarm["id"]


async def test_roles_and_unknown_ids(system: System) -> None:
    await stored(system, "CP1")
    _, made = await system.rest("POST", "/admin/tokens", {"name": "v", "role": "viewer"})
    assert (await system.rest("GET", "/admin/alarms", token=made["token"]))[0] == 200
    for action in ("acknowledge", "close"):
        assert (await act(system, "CP1", action, made["token"]))[0] == 403
        for unknown in ("0" * 24, "x", "%7B%7D"):
            path = f"/admin/alarms/{unknown}/{action}"
            assert (await system.rest("POST", path))[0] == 404


async def test_a_token_of_one_station_sees_its_alarms_alone(system: System) -> None:
    for identity, station in (("CP1", "Ours"), ("CP2", "Theirs")):
        await system.whitelist(identity, stationName=station)
    await stored(system, "CP1", "CP2")
    raised(system, "node", AlarmKind.NODE_CLOCK)
    await system.central_system.telemetry.close()
    limited = {"name": "ours", "role": "operator", "stations": ["Ours"]}
    status, made = await system.rest("POST", "/admin/tokens", limited)
    assert status == 201, made
    token = made["token"]
    assert (await system.rest("GET", "/admin/alarms", token=token))[0] == 403
    assert (await system.rest("GET", "/admin/alarms?chargePointId=CP2", token=token))[0] == 404
    status, page = await system.rest("GET", "/admin/alarms?chargePointId=CP1", token=token)
    assert (status, len(page["items"])) == (200, 1)
    assert (await act(system, "CP1", "close", token))[0] == 200
    for subject in ("CP2", "node"):
        assert (await act(system, subject, "close", token))[0] == 404


async def test_metrics_count_them_without_asking_each_time(system: System) -> None:
    await stored(system, "CP1", "CP2")

    async def gauge() -> str:
        text = (await system.fetch("GET", "/metrics", token=None)).body.decode()
        [line] = [x for x in text.splitlines() if x.startswith('csms_open_alarms{kind="serialNot')]
        return line.rpartition(" ")[2]

    assert await gauge() == "2.0"
    await act(system, "CP1", "close")
    assert await gauge() == "2.0"
    system.central_system.services.open_alarms._due_at = 0
    assert await gauge() == "1.0"


async def test_the_page_lists_open_and_closed_ones(system: System) -> None:
    await stored(system, "CP1", "CP2")
    await act(system, "CP2", "close")
    for role, may_close in (("operator", True), ("viewer", False)):
        visitor = await sign_in(system, role)
        _, text = await visitor.page("/alarms")
        assert "/charge-points/CP1" in text and "/charge-points/CP2" not in text
        assert ('data-api="POST"' in text) is may_close
    _, text = await visitor.page("/alarms?open=false")
    assert "/charge-points/CP2" in text and "/charge-points/CP1" not in text
    visitor.cookies["csms_language"] = "th"
    _, text = await visitor.page("/alarms")
    assert "เชื่อมต่อโดยไม่มีหมายเลขซีเรียลและรหัสผ่าน" in text
