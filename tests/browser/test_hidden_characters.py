"""What a screen would obey is shown by the pages' scripts too; policies let everything work."""

from __future__ import annotations

import pytest

from tests.browser.conftest import OpenPage
from tests.support.system import System

pytestmark = pytest.mark.gen_test


async def test_swagger_ui_works_under_its_policy(system: System, open_page: OpenPage) -> None:
    async with open_page("/docs") as page:
        await page.wait_for_selector(".opblock")
        await page.click("#operations-charge-points-getChargePoints .opblock-summary-control")
        await page.wait_for_selector(".parameters-container")
        assert await page.locator(".opblock").count() > 20


async def test_a_page_of_ours_may_not_open_a_charge_points_socket(
    system: System, open_page: OpenPage
) -> None:
    await system.whitelist()
    # The browser complains of the refusal, as it should.
    with pytest.raises(AssertionError, match="response code: 403"):
        async with open_page("/docs") as page:
            closed = await page.evaluate(
                "(url) => new Promise((done) => {"
                " const socket = new WebSocket(url, 'ocpp1.6');"
                " socket.onopen = () => done('open'); socket.onclose = () => done('closed') })",
                system.ocpp + "/CP1",
            )
            assert closed == "closed"
    _, listing = await system.rest("GET", "/admin/rejected-connections")
    assert [one["reason"] for one in listing["items"]] == ["Opened by a browser"]


@pytest.mark.parametrize(("language", "width"), [("th", 360), ("en", 1280)])
async def test_a_visitor_with_a_hidden_character(
    system: System, open_page: OpenPage, language: str, width: int
) -> None:
    charge_point = await system.connect("EVIL\u202e-1\u200b")
    await charge_point.closed()
    size = {"width": width, "height": 800}
    async with open_page("/turned-away", viewport=size, locale=language) as page:
        text = await page.inner_text("main")
        assert "EVIL[U+202E]-1[U+200B]" in text and "\u202e" not in text
        await page.click("form[data-api=POST] button")
        await page.wait_for_selector("form output .bad")
        problem = await page.inner_text("form output")
        assert "U+202E" in problem and "\u202e" not in problem
        assert ("มีอักขระที่มองไม่เห็น" in problem) is (language == "th")
