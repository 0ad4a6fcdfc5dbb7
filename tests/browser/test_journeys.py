"""What operators do, from beginning to end, in a real browser."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from csms.domain.api_token import Role
from csms.domain.times import rfc3339
from tests.browser.conftest import OpenPage
from tests.support.charge_point import ScriptedChargePoint
from tests.support.pages import PASSWORD
from tests.support.system import System

expect.set_options(timeout=30_000)


async def command(page: Page, title: str) -> None:
    """Open the form of a command."""
    await page.get_by_role("link", name=title, exact=True).click()
    await page.wait_for_selector("dialog[open] form")


async def send(page: Page) -> None:
    """Send the form that is open."""
    await page.locator("dialog button.main").click()


@pytest.mark.gen_test(timeout=120)
async def test_signing_in_by_name_and_out(system: System, open_page: OpenPage) -> None:
    services = system.central_system.services

    await services.users.create("Malee", PASSWORD, Role.VIEWER, "test")
    async with open_page() as page:
        await page.click("details.account summary")
        await page.get_by_role("button", name="Sign out").click()
        await page.fill("#name", "malee")
        await page.fill("#secret", "not the password")
        await page.click("main button")
        await expect(page.get_by_role("alert")).to_contain_text("That is not right")
        await page.fill("#secret", PASSWORD)
        await page.click("main button")
        await expect(page.locator("details.account summary")).to_have_text("Malee")
        await page.goto("/charge-points")
        await expect(page.get_by_role("link", name="Add a charge point")).to_have_count(0)


@pytest.mark.gen_test(timeout=120)
async def test_adding_one_that_comes_on_line_while_it_is_watched(
    system: System, open_page: OpenPage
) -> None:
    async with open_page("/charge-points") as page:
        await page.get_by_role("link", name="Add a charge point").click()
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator(".field-error")).to_contain_text("serialNumber")
        await page.fill("#f-id", "CP1")
        await page.fill("#f-identity", "CP1")
        await page.fill("#f-serial", "SN-1")
        await page.fill("#f-name", "บางนา 1")
        await page.get_by_role("button", name="Save").click()
        await page.wait_for_url("**/charge-points/CP1")
        await expect(page.locator("#steps")).to_contain_text("It has not connected yet.")
        await expect(page.locator("#live-state")).to_have_text("Live")
        charge_point = await system.connect("CP1")
        charge_point.configure({"NumberOfConnectors": "1", "Connector1-Type": "Mystery plug"})
        await charge_point.boot(chargePointSerialNumber="SN-1")
        await charge_point.call(
            "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        )
        await expect(page.locator("#state")).to_contain_text("connected")
        await expect(page.locator("#connector-1")).to_contain_text("Available")
        await command(page, "Refresh connectors")
        await send(page)
        await expect(page.locator("dialog output")).to_contain_text("UNKNOWN")
        await page.keyboard.press("Escape")
        await expect(page.locator("#steps .blocked")).to_contain_text("Connectors synced")
        await page.get_by_role("link", name="Set the type of connector 1").click()
        await page.select_option("dialog #f-type", "CCS_COMBO_2")
        await send(page)
        await expect(page.locator("#connector-1")).to_contain_text("CCS_COMBO_2")
        await expect(page.locator("#steps .blocked")).to_have_count(0)


@pytest.mark.gen_test(timeout=120)
async def test_importing_with_a_bad_row(
    system: System, open_page: OpenPage, tmp_path: Path
) -> None:
    await system.whitelist("OLD", name="Before")
    fleet = tmp_path / "fleet.csv"
    fleet.write_text(
        "id,chargePointIdentity,name,powerRating\n"
        "NEW,NEW,<b>bold</b>,22\n"
        "OLD,OLD,After,\n"
        "BAD,BAD,ผิด,many\n"
    )
    async with open_page("/import-charge-points") as page:
        await page.set_input_files("#file", fleet)
        await page.check("#update")
        await page.click("#preview")
        await expect(page.locator("[data-count=created] b")).to_have_text("1")
        await expect(page.locator("[data-count=changed] b")).to_have_text("1")
        await expect(page.locator("[data-count=rejected] b")).to_have_text("1")
        await expect(page.locator("#rows")).to_contain_text("name: Before → After")
        await expect(page.locator("#rows")).to_contain_text("powerRating")
        assert await system.database.charge_points.count_documents({}) == 1
        await page.click("#go")
        await expect(page.locator("#result-title")).to_have_text("Imported")
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Download what was rejected").click()
        saved = await (await download.value).path()
        rejected = await asyncio.to_thread(saved.read_text, "utf-8-sig")
        assert rejected.splitlines()[1].startswith('"4","4","BAD","powerRating"')
        await page.get_by_role("link", name="To the list").click()
        await expect(page.locator("#row-NEW")).to_contain_text("<b>bold</b>")
        assert (await system.record("OLD"))["name"] == "After"


@pytest.mark.gen_test(timeout=120)
async def test_an_import_is_told_in_the_language_of_the_page(
    system: System, open_page: OpenPage, tmp_path: Path
) -> None:
    await system.whitelist("OLD", serialNumber="SN-0", name="Before")
    fleet = tmp_path / "fleet.csv"
    fleet.write_text(
        "sep=;\nรหัส;S/N;kW;colour;name\n"
        "CP1;23-May;22,5;red;\n"
        "CP2;'007;many;red;\n"
        ";SN-0;;;After\n"
        f"CP4;{'S' * 30};22;;\n"
    )
    async with open_page("/import-charge-points", locale="th-TH") as page:
        await page.set_input_files("#file", fleet)
        await page.click("#preview")
        await expect(page.locator("[data-count=rejected] b")).to_have_text("3")
        await expect(page.locator("#ignored")).to_have_text("คอลัมน์ที่ไม่รู้จักและถูกข้าม: colour")
        await expect(page.locator("#rows")).to_contain_text("23-May เป็นวันที่ซึ่งโปรแกรมตารางเปลี่ยนให้")
        await expect(page.locator("#rows")).to_contain_text("มีอยู่แล้วเป็น OLD และต่างกันที่ name")
        await expect(page.locator("#rows")).to_contain_text("ยาว 30 ตัวอักษร")
        async with page.expect_download() as download:
            await page.click("#after a[download]")
        saved = await (await download.value).path()
        rejected = await asyncio.to_thread(saved.read_text, "utf-8-sig")
    known = {"id", "name", "serialNumber", "powerRating", "kW", "CP1", "CP2", "OLD", "May"}
    assert set(re.findall(r"[A-Za-z][A-Za-z0-9]+", rejected)) <= known


async def charging(charge_point: ScriptedChargePoint, system: System) -> int:
    """Answer a RemoteStart as a charge point does: accept, start, meter."""
    unique_id, asked = await charge_point.expect("RemoteStartTransaction")
    charge_point.reply(unique_id, {"status": "Accepted"})
    now = rfc3339(system.central_system.services.deps.clock())
    start = {"connectorId": 1, "idTag": asked["idTag"], "meterStart": 0, "timestamp": now}
    transaction_id = int((await charge_point.call("StartTransaction", start))["transactionId"])
    samples = [{"measurand": "Power.Active.Import", "unit": "kW", "value": "11"}]
    await charge_point.call(
        "MeterValues",
        {
            "connectorId": 1,
            "transactionId": transaction_id,
            "meterValue": [{"timestamp": now, "sampledValue": samples}],
        },
    )
    return transaction_id


@pytest.mark.gen_test(timeout=120)
async def test_starting_watching_and_stopping(system: System, open_page: OpenPage) -> None:
    await system.rest("POST", "/admin/id-tags", {"idTag": "TAG1"})
    charge_point = await system.online()
    await charge_point.call(
        "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    )
    async with open_page("/charge-points/CP1") as page:
        await command(page, "Remote start")
        await page.fill("dialog input[name='payload.idTag']", "TAG1")
        await page.select_option("dialog select", "1")
        started = asyncio.ensure_future(charging(charge_point, system))
        await send(page)
        await expect(page.locator("dialog output")).to_contain_text("Accepted")
        transaction_id = await started
        await page.keyboard.press("Escape")
        await expect(page.locator("#active")).to_contain_text("TAG1")
        chart = page.locator(".chart[data-points]:not([data-points='0'])").first
        await expect(chart).to_be_visible()
        await command(page, "Remote stop")
        await page.select_option("dialog select", str(transaction_id))
        await send(page)
        unique_id, asked = await charge_point.expect("RemoteStopTransaction")
        assert asked == {"transactionId": transaction_id}
        charge_point.reply(unique_id, {"status": "Accepted"})
        await expect(page.locator("dialog output")).to_contain_text("Accepted")
        await charge_point.call(
            "StopTransaction",
            {
                "transactionId": transaction_id,
                "meterStop": 500,
                "timestamp": rfc3339(system.central_system.services.deps.clock()),
            },
        )
        await page.keyboard.press("Escape")
        await expect(page.locator("#active")).to_contain_text("Nothing is charging.")


@pytest.mark.gen_test(timeout=120)
async def test_verifying_field_by_field(system: System, open_page: OpenPage) -> None:
    await system.whitelist("CP1", serialNumber="SN-1", connectorCount=2)
    charge_point = await system.connect("CP1")
    await charge_point.boot(chargePointSerialNumber="SN-1")
    charge_point.configure({"NumberOfConnectors": "1"})
    async with open_page("/charge-points/CP1") as page:
        await command(page, "Verify")
        await send(page)
        row = page.locator("dialog output tr", has_text="connectorCount")
        await expect(row).to_contain_text("mismatch")
        await expect(row.locator("td").nth(1)).to_have_text("2")
        await expect(row.locator("td").nth(2)).to_have_text("1")
        row = page.locator("dialog output tr", has_text="serialNumber")
        await expect(row).to_contain_text("match")


@pytest.mark.gen_test(timeout=120)
async def test_installing_firmware_that_is_uploaded(
    system: System, open_page: OpenPage, tmp_path: Path
) -> None:
    charge_point = await system.online()
    charge_point.answers["UpdateFirmware"] = lambda _: {}
    firmware = tmp_path / "v2.bin"
    firmware.write_bytes(b"firmware")
    async with open_page("/charge-points/CP1") as page:
        await page.click(".more summary")
        await command(page, "Install a firmware file kept here")
        await page.set_input_files("#c-upload", firmware)
        await page.get_by_role("button", name="Upload").click()
        await expect(page.locator("#c-fileId")).to_contain_text("v2.bin")
        await send(page)
        await expect(page.locator("dialog output").first).to_contain_text("answered")
    _, jobs = await system.rest("GET", "/admin/jobs")
    assert len(jobs["items"]) == 1


@pytest.mark.gen_test(timeout=120)
async def test_letting_in_who_was_turned_away(system: System, open_page: OpenPage) -> None:
    async with open_page("/turned-away", viewport={"width": 360, "height": 740}) as page:
        await expect(page.locator("#live-state")).to_have_text("Live")
        stranger = await system.connect("STRANGER")
        await stranger.closed()
        row = page.locator("#list tr", has_text="STRANGER")
        await row.get_by_role("button", name="Whitelist").click()
        await expect(row).to_contain_text("on record now")
    charge_point = await system.connect("STRANGER")
    assert (await charge_point.boot())["status"] == "Accepted"


@pytest.mark.gen_test(timeout=120)
async def test_an_error_of_a_click_stays_while_the_list_changes(
    system: System, open_page: OpenPage
) -> None:
    await system.whitelist("STRANGER", chargePointIdentity="Other")
    await (await system.connect("STRANGER")).closed()
    async with open_page("/turned-away") as page:
        await expect(page.locator("#live-state")).to_have_text("Live")
        row = page.locator("#list tr", has=page.locator("input[value=STRANGER]"))
        await row.get_by_role("button", name="Whitelist").click()
        await expect(row.locator("output")).to_contain_text("Already taken · id: is already taken")
        await (await system.connect("NEXT")).closed()
        await expect(page.locator("#list")).to_contain_text("NEXT")
        await (await system.connect("STRANGER")).closed()
        await expect(row.locator("td.number")).to_have_text("2")
        await expect(row.locator("output")).to_contain_text("Already taken · id: is already taken")
        await system.whitelist("CP9", chargePointIdentity="STRANGER")
        await expect(page.locator("#list")).to_contain_text("on record now")
        await expect(page.locator("#list output")).to_have_count(0)


@pytest.mark.gen_test(timeout=120)
async def test_taking_the_identity_of_one_whose_url_is_written_differently(
    system: System, open_page: OpenPage
) -> None:
    await system.whitelist("CP1", chargePointIdentity="Bang-Na-1")
    await (await system.connect("bang-na-1")).closed()
    async with open_page("/turned-away", viewport={"width": 360, "height": 740}) as page:
        page.on("dialog", lambda question: asyncio.ensure_future(question.accept()))
        await page.get_by_role("button", name="Take the identity it sends").click()
        await expect(page.locator("#list")).to_contain_text("on record now")
    charge_point = await system.connect("bang-na-1")
    assert (await charge_point.boot())["status"] == "Accepted"
    _, audit = await system.rest("GET", "/admin/audit")
    assert audit["items"][0]["method"] == "PATCH"


@pytest.mark.gen_test(timeout=120)
async def test_a_charge_point_that_is_off_line(system: System, open_page: OpenPage) -> None:
    await system.whitelist("CP1")
    async with open_page("/charge-points/CP1") as page:
        await command(page, "Reset")
        page.on("dialog", lambda question: asyncio.ensure_future(question.accept()))
        await page.select_option("dialog select", "Soft")
        await send(page)
        await expect(page.locator("dialog output")).to_contain_text("Charger not connected")


@pytest.mark.gen_test(timeout=120)
async def test_the_language_is_switched(open_page: OpenPage) -> None:
    async with open_page("/charge-points") as page:
        await page.click("details.account summary")
        await page.get_by_role("button", name="ไทย").click()
        await expect(page.locator("h1")).to_have_text("เครื่องชาร์จ")
        await page.goto("/")
        await expect(page.locator("h1")).to_have_text("ภาพรวม")


@pytest.mark.gen_test(timeout=120)
async def test_pages_say_so_when_they_are_stale(system: System, open_page: OpenPage) -> None:
    async with open_page("/") as page:
        await expect(page.locator("#live-state")).to_have_text("Live")
        await page.context.set_offline(True)
        await system.central_system.services.live.stop()
        system.central_system.services.live.following.clear()
        await page.evaluate("dispatchEvent(new Event('offline'))")
        await expect(page.locator("#live-state")).to_contain_text("The connection is lost")
        await page.context.set_offline(False)
        await expect(page.locator("#live-state")).to_have_text("Live")
