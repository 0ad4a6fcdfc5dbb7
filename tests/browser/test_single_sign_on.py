"""Single sign-on with a real provider, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import async_playwright
from pydantic import SecretStr

from csms.config import Settings
from tests.browser.conftest import ARGUMENTS, chromium
from tests.support import PATIENCE
from tests.support.canaille import (
    CLIENT_ID,
    CLIENT_SECRET,
    GROUP,
    NAME,
    PASSWORD,
    Canaille,
)
from tests.support.system import System

pytestmark = [pytest.mark.gen_test, pytest.mark.long]


@pytest.fixture
def provider(tmp_path: Path) -> Canaille:
    return Canaille(tmp_path)


@pytest.fixture
def settings(settings: Settings, provider: Canaille) -> Settings:
    return settings.model_copy(
        update={
            "oidc_issuer": provider.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": SecretStr(CLIENT_SECRET),
            "oidc_scope": "openid profile email groups",
            "oidc_role_claim": "groups",
            "oidc_roles": {GROUP: "admin"},
        }
    )


async def test_a_person_signs_in_at_the_provider_and_is_led_back(
    system: System, provider: Canaille
) -> None:
    provider.register(system.http + "/sign-in/single-sign-on/callback")
    async with provider.serve(), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        page = await (await browser.new_context(locale="en")).new_page()
        page.set_default_timeout(PATIENCE * 1000)
        await page.goto(system.http + "/access")
        await page.get_by_role("link", name="Single sign-on").click()
        await page.locator("input[name=login]").fill(NAME)
        await page.locator("input[name=login]").press("Enter")
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.locator("input[name=password]").press("Enter")
        await page.get_by_role("button", name="Accept").click()
        await page.wait_for_url(system.http + "/access")
        assert await page.get_by_role("heading", name="Access").is_visible()
        await browser.close()
    (user,) = await system.database.users.find().to_list(None)
    assert user["role"] == "admin" and user["issuer"] == provider.issuer
