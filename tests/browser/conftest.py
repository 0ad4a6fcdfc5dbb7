"""A real Chromium, and a page of it that is signed in."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import ConsoleMessage, Page, async_playwright

from tests.support import PATIENCE
from tests.support.system import ADMIN_TOKEN, System

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OpenPage = Callable[..., AbstractAsyncContextManager[Page]]


def chromium() -> str:
    """The browser that is installed."""
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    assert found, "install chromium: scripts/test does so when it is run by root"
    return found


@pytest.fixture
def open_page(system: System, request: pytest.FixtureRequest) -> OpenPage:
    """Opens a page, signed in with the first token; what the browser complains of fails the test.

    With CSMS_SCREENSHOTS set to a folder, the page's last state is kept there as a picture.
    """

    @asynccontextmanager
    async def opened(
        path: str = "/", *, token: str = ADMIN_TOKEN, **context: Any
    ) -> AsyncIterator[Page]:
        complaints: list[str] = []
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium(), args=list(ARGUMENTS)
            )
            options = {"timezone_id": "Asia/Bangkok", "locale": "en", **context}
            page = await (await browser.new_context(base_url=system.http, **options)).new_page()
            page.set_default_timeout(PATIENCE * 1000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on(
                "console",
                lambda message: complaints.append(message.text) if _counts(message) else None,
            )
            await page.goto("/sign-in")
            await page.fill("#secret", token)
            await page.click("main button")
            await page.wait_for_selector("nav.side")
            await page.goto(path)
            try:
                yield page
            finally:
                if folder := os.environ.get("CSMS_SCREENSHOTS"):
                    name = Path(folder) / f"{request.node.name}.png"
                    await page.screenshot(path=name, full_page=True)
                await browser.close()
        assert complaints == []

    return opened


def _counts(message: ConsoleMessage) -> bool:
    """Whether a message of the browser is a fault: neither a refusal nor a line that is cut is."""
    expected = ("status of 4", "net::ERR_INTERNET_DISCONNECTED")
    return message.type == "error" and not any(text in message.text for text in expected)
