"""Transactions, id tags and meter values, in a real browser."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect

from csms.domain.times import rfc3339
from tests.browser.conftest import OpenPage
from tests.support.readings import power, store_reading
from tests.support.system import System

expect.set_options(timeout=30_000)


@pytest.mark.gen_test(timeout=120)
async def test_a_transaction_is_watched_and_stopped(system: System, open_page: OpenPage) -> None:
    charge_point = await system.online()
    now = system.central_system.services.deps.clock()
    start = {"connectorId": 1, "idTag": "<TAG>", "meterStart": 0, "timestamp": rfc3339(now)}
    number = (await charge_point.call("StartTransaction", start))["transactionId"]
    async with open_page("/transactions") as page:
        await page.get_by_role("link", name=str(number), exact=True).click()
        chart = page.locator(".chart").first
        await expect(chart.locator(".empty")).to_have_text("No readings here.")
        await expect(page.locator("#live-state")).to_have_text("Live")
        samples = [{"measurand": "Power.Active.Import", "unit": "kW", "value": "7.4"}]
        await charge_point.call(
            "MeterValues",
            {
                "connectorId": 1,
                "transactionId": number,
                "meterValue": [{"timestamp": rfc3339(now), "sampledValue": samples}],
            },
        )
        await expect(chart.locator("canvas")).to_be_visible()
        await page.locator(".numbers summary").first.click()
        await expect(page.locator(".numbers tbody").first).to_contain_text("7.4 kW")
        await page.get_by_role("button", name="Stop", exact=True).click()
        await page.locator("dialog button.main").click()
        unique_id, asked = await charge_point.expect("RemoteStopTransaction")
        assert asked == {"transactionId": number}
        charge_point.reply(unique_id, {"status": "Rejected"})
        await expect(page.locator("dialog output")).to_contain_text("Rejected")
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Close in the record").click()
        page.once("dialog", lambda dialog: dialog.accept())
        await page.locator("dialog button.danger").click()
        await expect(page.locator("#state")).to_have_text("Closed")
        await expect(page.locator("#flagged")).to_contain_text("An operator ended it")
        await expect(page.locator("#actions a")).to_have_count(0)


@pytest.mark.gen_test(timeout=120)
async def test_id_tags_are_added_changed_imported_and_deleted(
    system: System, open_page: OpenPage, tmp_path: Path
) -> None:
    async with open_page("/id-tags") as page:
        await page.get_by_role("button", name="Add an id tag").click()
        await page.fill("#t-id", "Tag1")
        await page.fill("#t-parent", "TAG1")
        await page.locator("dialog button.main").click()
        await expect(page.locator(".field-error")).to_contain_text("must be another id tag")
        await page.fill("#t-parent", "")
        await page.fill("#t-expiry", "2027-01-01T07:00:00")
        await page.locator("dialog button.main").click()
        await expect(page.locator("#tag-tag1")).to_contain_text("2027-01-01 07:00:00")
        stored = await system.database.id_tags.find_one({"_id": "tag1"})
        assert stored is not None and rfc3339(stored["expiryDate"]) == "2027-01-01T00:00:00.000Z"

        await page.goto("/import-id-tags")
        file = tmp_path / "tags.csv"
        file.write_text("idTag,status\nTAG1,Blocked\nTag2,\nTag3,odd\n")
        await page.set_input_files("#file", file)
        await page.check("#update")
        await page.get_by_role("button", name="Preview").click()
        for count in ("created", "changed", "rejected"):
            await expect(page.locator(f"[data-count={count}] b")).to_have_text("1")
        assert await system.database.id_tags.count_documents({}) == 1
        await page.get_by_role("button", name="Import now").click()
        await page.get_by_role("link", name="To the list").click()
        await expect(page.locator("#tag-tag1")).to_contain_text("Blocked")

        await page.get_by_role("button", name="Edit Tag2").click()
        page.once("dialog", lambda dialog: dialog.accept())
        await page.locator("dialog button.danger").click()
        await expect(page.locator("#tag-tag2")).to_have_count(0)


@pytest.mark.gen_test(timeout=120)
async def test_meter_values_of_chosen_charge_points(system: System, open_page: OpenPage) -> None:
    now = system.central_system.services.deps.clock()
    for number, name in enumerate(("CP1", "CP2"), 1):
        await system.whitelist(name, name=f"Bay {number}")
        time = now - timedelta(minutes=number)
        await store_reading(system.database, time, power(number * 1000), charge_point_id=name)
    async with open_page("/meter-values") as page:
        await page.get_by_label("Add a charge point").press_sequentially("Bay 1")
        await expect(page.locator("#charge-points option")).to_have_attribute("value", "CP1")
        # What a choice from the browser's own list does.
        await page.fill("#pick", "CP1")
        await page.keyboard.press("Tab")
        await expect(page.locator("#picked")).to_have_text("CP1")
        await page.fill("#pick", "CP2")
        await page.keyboard.press("Enter")
        chart = page.locator(".chart")
        await expect(chart).to_have_attribute("data-points", "2")
        assert "CP1" in page.url and "span=1h" in page.url
        await expect(page.locator("#samples tbody tr")).to_have_count(2)
        await page.uncheck("#picked input[value=CP1]")
        await page.get_by_role("button", name="7 days").click()
        await page.wait_for_url("**span=7d**")
        await expect(chart).to_have_attribute("data-points", "1")
        async with page.expect_download() as download:
            await page.get_by_role("link", name="CSV of CP2", exact=True).click()
        assert (await download.value).suggested_filename == "CP2.csv"
