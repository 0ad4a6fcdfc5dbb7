"""The page of one charge point, and the forms of its commands."""

from __future__ import annotations

import asyncio

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
