"""The page of one charge point, and the forms of its commands."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.charge_point import ScriptedChargePoint
from tests.support.pages import sign_in
from tests.support.system import System, eventually


async def synced(system: System) -> ScriptedChargePoint:
    """A charge point whose connectors were asked for."""
    charge_point = await system.online()
    charge_point.configure({"NumberOfConnectors": "2", "Connector1-Type": "CCS2"})
    status, _ = await system.rest("POST", "/admin/charge-points/CP1/refresh-connectors")
    assert status == 200
    return charge_point


@pytest.mark.gen_test
async def test_the_steps_name_the_one_that_blocks(system: System) -> None:
    await system.whitelist("CP1", serialNumber="RIGHT")
    visitor = await sign_in(system)
    _, text = await visitor.page("/charge-points/CP1")
    assert "It has not connected yet." in text and "/ocpp/1.6/CP1" in text
    charge_point = await system.connect("CP1")
    await charge_point.boot(chargePointSerialNumber="WRONG")
    await charge_point.closed()
    _, text = await visitor.page("/charge-points/CP1")
    assert "It reports the serial WRONG; the record says RIGHT." in text
    assert "blocks here" in text


@pytest.mark.gen_test
async def test_connectors_and_messages_are_shown(system: System) -> None:
    charge_point = await synced(system)
    await charge_point.call(
        "StatusNotification",
        {"connectorId": 2, "errorCode": "NoError", "status": "Charging", "info": "<b>fast</b>"},
    )
    visitor = await sign_in(system)

    async def page() -> str:
        return (await visitor.page("/charge-points/CP1"))[1]

    text = await eventually(page, lambda text: "&lt;b&gt;fast" in text and "NumberOfConn" in text)
    assert "CCS" in text and "<b>fast" not in text
    assert "The type of these connectors is not known: 2" in text
    _, text = await visitor.page("/charge-points/CP1?action=BootNotification")
    assert "chargePointVendor" in text and "NumberOfConnectors" not in text
    _, text = await visitor.page("/charge-points/CP1?direction=out")
    assert "NumberOfConnectors" in text and "chargePointVendor" not in text


@pytest.mark.gen_test
async def test_messages_that_cannot_be_read_are_shown_with_the_reason(system: System) -> None:
    charge_point = await system.online()
    charge_point.send("<b>what</b> is this?")
    visitor = await sign_in(system)

    async def page() -> str:
        return (await visitor.page("/charge-points/CP1?failed=true"))[1]

    text = await eventually(page, lambda text: "is this?" in text)
    [row] = [row for row in text.split("<tr ") if "is this?" in row]
    assert "&lt;b&gt;what" in row and "not a JSON array" in row
    assert "unreadable" in row and " ms<" not in row


@pytest.mark.gen_test
async def test_a_charge_point_that_will_not_tell_its_configuration(system: System) -> None:
    charge_point = await system.online()
    asking = system.rest("POST", "/admin/charge-points/CP1/refresh-connectors")

    async def refuse() -> None:
        unique_id, _ = await charge_point.expect("GetConfiguration")
        charge_point.send([4, unique_id, "NotSupported", "no", {}])

    (status, _), _ = await asyncio.gather(asking, refuse())
    assert status == 502
    visitor = await sign_in(system)

    async def page() -> str:
        return (await visitor.page("/charge-points/CP1"))[1]

    await eventually(
        page, lambda text: "It did not tell its configuration: NotSupported: no" in text
    )


@pytest.mark.gen_test
async def test_every_command_has_a_form(system: System) -> None:
    await synced(system)
    visitor = await sign_in(system, "operator")
    for action in system.central_system.services.commands.actions:
        status, text = await visitor.page(f"/charge-points/CP1/command/{action}")
        assert status == 200 and f'value="{action}"' in text, action
    _, text = await visitor.page("/charge-points/CP1/command/ChangeAvailability")
    assert '<option value="0">the whole charge point</option>' in text
    assert '<option value="Inoperative">' in text
    _, text = await visitor.page("/charge-points/CP1/command/verify")
    assert 'action="/admin/charge-points/CP1/verify"' in text
    assert (await visitor.page("/charge-points/CP1/command/NoSuch"))[0] == 404
    assert (await visitor.page("/charge-points/NOBODY/command/Reset"))[0] == 404
    assert (await visitor.page("/charge-points/NOBODY"))[0] == 404


@pytest.mark.gen_test
async def test_the_type_of_a_connector_has_a_form(system: System) -> None:
    await synced(system)
    visitor = await sign_in(system, "operator")
    status, text = await visitor.page("/charge-points/CP1/connectors/1")
    assert status == 200 and 'value="CCS_COMBO_2" selected' in text
    assert (await visitor.page("/charge-points/CP1/connectors/9"))[0] == 404


async def trouble(system: System, counted: dict[str, Any], quirks: dict[str, int]) -> None:
    now = system.central_system.services.deps.clock()
    fields = {"protocolTrouble": {**counted, "lastAt": now}, "quirks": quirks}
    await system.database.charge_points.update_one({"_id": "CP1"}, {"$set": fields})


@pytest.mark.gen_test
async def test_what_to_tell_the_vendor(system: System) -> None:
    await system.online()
    visitor = await sign_in(system, "operator")
    _, text = await visitor.page("/charge-points/CP1")
    assert 'id="trouble" data-live aria-labelledby="trouble-title" hidden' in text
    counted = {
        "refusedCalls": {
            "StopTransaction": {"TypeConstraintViolation": 1200, "OfTomorrow": 1},
            "unknown": {"NotImplemented": 2},
        },
        "unreadableFrames": 3,
        "closes": {"Too many unreadable messages": 4, "Of <tomorrow>": 5},
        "skewedClock": 6,
        "leftBehind": 7,
    }
    await trouble(system, counted, {"nullField": 8, "ofTomorrow": 9})
    _, text = await visitor.page("/charge-points/CP1")
    assert "hidden" not in text.partition('id="trouble"')[2].partition(">")[0]
    for said in (
        'StopTransaction is refused: TypeConstraintViolation</strong> <span class="badge bad">'
        "×1,200",
        "a field of StopTransaction has another type",
        "/charge-points/CP1?failed=true&amp;action=StopTransaction#messages-title",
        "StopTransaction is refused: OfTomorrow",
        "An unknown Action is refused: NotImplemented",
        "Unreadable messages",
        "so many messages could not be read",
        "Connection closed by csms: Of &lt;tomorrow&gt;",
        "currentTime",
        "/transactions?chargePointId=CP1&amp;flag=clockSkew",
        "/transactions?chargePointId=CP1&amp;flag=leftBehind",
        "Tolerated deviations (2)",
        "taken as left out",
        "ofTomorrow",
        'action="/admin/charge-points/CP1/reset-protocol-trouble"',
    ):
        assert said in text, said
    viewer = await sign_in(system, "viewer")
    assert "reset-protocol-trouble" not in (await viewer.page("/charge-points/CP1"))[1]
    visitor.cookies["csms_language"] = "th"
    assert "แจ้งผู้ผลิต: มีช่องข้อมูลใน StopTransaction" in (await visitor.page("/charge-points/CP1"))[1]


@pytest.mark.gen_test
async def test_a_boot_of_another_edition_is_explained(system: System) -> None:
    await system.whitelist("CP1")
    await system.connect("CP1")
    await trouble(system, {"refusedCalls": {"BootNotification": {"ocpp201Shaped": 1}}}, {})
    visitor = await sign_in(system)
    _, text = await visitor.page("/charge-points/CP1")
    assert "It sends the BootNotification of OCPP 2.0.1." in text
    assert "Set the charge point to OCPP 1.6 JSON; where it has no such setting" in text


@pytest.mark.gen_test
async def test_faults_are_shown_and_forgotten_when_it_is_off_line(system: System) -> None:
    charge_point = await synced(system)
    await charge_point.call(
        "StatusNotification",
        {
            "connectorId": 1,
            "errorCode": "OtherError",
            "status": "Faulted",
            "vendorErrorCode": "E-77",
        },
    )
    # An error code that OCPP does not list is stored as it was sent.
    unlisted = {"$set": {"connectors.0.errorCode": "CoolingFailure"}}
    await system.database.charge_points.update_one({"_id": "CP1"}, unlisted)
    visitor = await sign_in(system)

    async def row() -> str:
        text = (await visitor.page("/charge-points/CP1"))[1]
        return text.partition('id="connector-1"')[2].partition("</tr>")[0]

    shown = await row()
    assert '<span class="badge bad">Faulted</span>' in shown
    assert '<span class="badge long bad">CoolingFailure</span> <span class="long">E-77' in shown
    await charge_point.close()
    shown = await eventually(row, lambda text: "Unknown" in text)
    assert '<span class="badge dull">Unknown</span>' in shown and "last: Faulted" in shown
    assert '<span class="badge bad">' not in shown


@pytest.mark.gen_test
async def test_before_the_boot_only_what_can_be_sent_is_offered(system: System) -> None:
    await system.whitelist()
    charge_point = await system.connect()
    visitor = await sign_in(system)
    _, text = await visitor.page("/charge-points/CP1")
    assert "It is connected, but has not sent its BootNotification." in text
    for action in ("TriggerMessage", "Reset", "verify", "ExtendedTriggerMessage"):
        assert f"/command/{action}" in text
    assert "/command/ClearCache" not in text and "/command/RemoteStart" not in text
    assert "has not booted" in (await visitor.page("/charge-points/CP1/command/ClearCache"))[1]
    assert "has not booted" not in (await visitor.page("/charge-points/CP1/command/Reset"))[1]
    await charge_point.boot()
    assert "/command/ClearCache" in (await visitor.page("/charge-points/CP1"))[1]
