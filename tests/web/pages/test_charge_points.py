"""The list of charge points, its export, and the forms to add to it."""

from __future__ import annotations

import pytest

from tests.support.pages import sign_in
from tests.support.system import System, eventually


@pytest.mark.gen_test
async def test_the_list_is_searched_filtered_sorted_and_paged(system: System) -> None:
    for number in range(55):
        await system.whitelist(f"CP{number:02}", name=f"Bay {99 - number}")
    await system.online("LIVE")
    visitor = await sign_in(system)
    _, text = await visitor.page("/charge-points")
    assert "1–50 of 56" in text and "CP49" in text and "CP50" not in text
    _, text = await visitor.page("/charge-points?page=2")
    assert "51–56 of 56" in text and "CP50" in text
    _, text = await visitor.page("/charge-points?sort=name")
    assert text.index("Bay 45") < text.index("Bay 46")
    _, text = await visitor.page("/charge-points?q=bay+99")
    assert "1–1 of 1" in text and 'id="row-CP00"' in text
    _, text = await visitor.page("/charge-points?connected=true")
    assert 'id="row-LIVE"' in text and 'id="row-CP00"' not in text
    _, text = await visitor.page("/charge-points?q=nowhere")
    assert "No charge point fits." in text


@pytest.mark.gen_test
async def test_a_state_is_that_of_a_connector_that_is_on_line(system: System) -> None:
    charge_point = await system.online()
    await charge_point.call(
        "StatusNotification", {"connectorId": 2, "errorCode": "NoError", "status": "Faulted"}
    )
    visitor = await sign_in(system)
    _, text = await visitor.page("/charge-points?status=Faulted")
    assert 'id="row-CP1"' in text
    _, text = await visitor.page("/charge-points?status=Charging")
    assert 'id="row-CP1"' not in text


@pytest.mark.gen_test
async def test_connectors_of_one_that_is_off_line_are_unknown(system: System) -> None:
    charge_point = await system.online()
    await charge_point.call(
        "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
    )
    visitor = await sign_in(system)

    async def row() -> str:
        text = (await visitor.page("/charge-points"))[1]
        return text.partition('id="row-CP1"')[2].partition("</tr>")[0]

    assert "Charging" in await row()
    await charge_point.close()
    shown = await eventually(row, lambda text: "off line" in text)
    assert "Charging" not in shown and '<span class="badge dull">Unknown</span>' in shown


@pytest.mark.gen_test
async def test_those_with_protocol_trouble_are_marked_and_found(system: System) -> None:
    await system.whitelist("CP1")
    await system.whitelist("CP2")
    last = {"$set": {"protocolTrouble.lastAt": system.central_system.services.deps.clock()}}
    await system.database.charge_points.update_one({"_id": "CP1"}, last)
    visitor = await sign_in(system)
    _, text = await visitor.page("/charge-points")
    assert text.count("#trouble") == 1 and 'href="/charge-points/CP1#trouble"' in text
    _, text = await visitor.page("/charge-points?protocolTrouble=true")
    assert 'id="row-CP1"' in text and 'id="row-CP2"' not in text
    _, text = await visitor.page("/charge-points?protocolTrouble=false")
    assert 'id="row-CP1"' not in text and 'id="row-CP2"' in text
    assert "with protocol trouble" in (await visitor.page("/"))[1]


@pytest.mark.gen_test
async def test_what_was_entered_is_shown_as_text(system: System) -> None:
    await system.whitelist("CP1", name="<script>alert(1)</script>")
    visitor = await sign_in(system)
    for path in ("/charge-points", "/charge-points/CP1", "/charge-points/CP1/edit"):
        _, text = await visitor.page(path)
        assert "<script>alert" not in text and "&lt;script&gt;alert" in text, path


@pytest.mark.gen_test
async def test_a_viewer_sees_no_button_that_it_may_not_press(system: System) -> None:
    await system.whitelist("CP1")
    viewer, operator = await sign_in(system, "viewer"), await sign_in(system, "operator")
    for path, link in (
        ("/charge-points", "/add-charge-point"),
        ("/charge-points", "/import-charge-points"),
        ("/charge-points/CP1", "/charge-points/CP1/edit"),
        ("/charge-points/CP1", "/charge-points/CP1/command/Reset"),
    ):
        assert link not in (await viewer.page(path))[1]
        assert link in (await operator.page(path))[1]
        assert (await viewer.page(link))[0] == 403
        assert (await operator.page(link))[0] == 200


@pytest.mark.gen_test
async def test_the_export_can_be_imported(system: System) -> None:
    await system.whitelist("CP1", name="=1+1", location="บางนา")
    visitor = await sign_in(system, "viewer")
    response = await visitor.fetch("GET", "/charge-points.csv")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    lines = response.body.decode("utf-8-sig").splitlines()
    assert "chargePointIdentity" in lines[0] and "'=1+1" in lines[1] and "บางนา" in lines[1]
    headers = {"Content-Type": "text/csv"}
    result = await system.fetch(
        "POST", "/admin/charge-points/import?update=true", response.body, headers=headers
    )
    assert b'"unchanged":1' in result.body and b'"rejected":0' in result.body


@pytest.mark.gen_test
async def test_the_form_is_filled_in_by_a_link(system: System) -> None:
    visitor = await sign_in(system)
    _, text = await visitor.page("/add-charge-point?chargePointIdentity=NEW%22&serialNumber=S1")
    assert 'value="NEW&quot;"' in text and 'value="S1"' in text
