"""Every page, narrow and wide, dark and light, in both languages, as axe-core sees it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Page

from csms.domain.times import rfc3339
from tests.browser.conftest import OpenPage
from tests.support.pages import PASSWORD
from tests.support.system import System

PAGES = (
    "/",
    "/charge-points",
    "/add-charge-point",
    "/import-charge-points",
    "/charge-points/CP1",
    "/charge-points/CP1/edit",
    "/charge-points/CP1/connectors/1",
    "/charge-points/CP1/command/RemoteStartTransaction",
    "/charge-points/CP1/command/SetChargingProfile",
    "/turned-away",
    "/nodes",
    "/transactions",
    "/transactions/1",
    "/transactions/1/stop",
    "/id-tags",
    "/add-id-tag",
    "/import-id-tags",
    "/id-tags/TAG1/edit",
    "/meter-values",
    "/meter-values?chargePointId=CP1",
    "/commands",
    "/audit",
    "/certificates",
    "/access",
    "/access/new-token",
    "/access/new-user",
    "/access/users/malee",
    "/charge-points/NOBODY",
)
LOOKS: tuple[dict[str, Any], ...] = (
    {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "locale": "th"},
    {"viewport": {"width": 1920, "height": 1080}, "color_scheme": "light", "locale": "en"},
)
FIRST_VIEW_BYTES = 200_000


async def fill(system: System) -> None:
    """Something of everything to be shown."""
    charge_point = await system.online()
    user = {"name": "Malee", "password": PASSWORD, "role": "viewer"}
    await system.rest("POST", "/admin/users", user)
    await system.rest("POST", "/admin/id-tags", {"idTag": "TAG1"})
    deps = system.central_system.services.deps
    for number, because in enumerate((None, "revoked", "identity")):
        await system.database.certificates.insert_one(
            {
                "_id": f"CP1|ChargePointCertificate|{number}",
                "chargePointId": "CP1",
                "use": "ChargePointCertificate",
                "status": "Sent",
                "subject": "CN=CP1",
                "fingerprint": f"{number:064x}",
                "notAfter": deps.clock() + timedelta(days=1),
                "endedAt": deps.clock() if because else None,
                "endedBecause": because,
                "createdAt": deps.clock(),
                "updatedAt": deps.clock(),
            }
        )
    now = rfc3339(deps.clock())
    for connector_id, status in ((1, "Charging"), (2, "Faulted")):
        await charge_point.call(
            "StatusNotification",
            {"connectorId": connector_id, "errorCode": "NoError", "status": status},
        )
    start = {"connectorId": 1, "idTag": "TAG1", "meterStart": 0, "timestamp": now}
    transaction = await charge_point.call("StartTransaction", start)
    samples = [{"measurand": "Power.Active.Import", "unit": "kW", "value": "11"}]
    await charge_point.call(
        "MeterValues",
        {
            "connectorId": 1,
            "transactionId": transaction["transactionId"],
            "meterValue": [{"timestamp": now, "sampledValue": samples}],
        },
    )
    charge_point.answers["Reset"] = lambda _: {"status": "Rejected"}
    await system.rest(
        "POST",
        "/admin/charge-points/CP1/commands",
        {"action": "Reset", "payload": {"type": "Soft"}},
    )
    refused = {"StopTransaction": {"TypeConstraintViolation": 12}}
    trouble = {"refusedCalls": refused, "skewedClock": 1, "lastAt": deps.clock()}
    await system.database.charge_points.update_one(
        {"_id": "CP1"}, {"$set": {"protocolTrouble": trouble, "quirks": {"nullField": 3}}}
    )
    await system.rest("POST", "/admin/id-tags", {"idTag": "TAG2", "parentIdTag": "TAG1"})
    stranger = await system.connect("STRANGER")
    await stranger.closed()


async def findings(page: Page) -> list[str]:
    """What axe-core finds serious or critical."""
    result = await page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in result
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.gen_test(timeout=200)
@pytest.mark.parametrize("look", LOOKS, ids=["narrow", "wide"])
async def test_nothing_serious_is_found(
    system: System, open_page: OpenPage, look: dict[str, Any]
) -> None:
    await fill(system)
    found: dict[str, list[str]] = {}
    async with open_page(**look) as page:
        # axe is not one of the scripts that the pages' policy lets in.
        await page.context.add_init_script(AXE_FILE_PATH.read_text())
        for path in PAGES:
            await page.goto(path)
            assert await page.locator("html").get_attribute("lang") == look["locale"]
            overflow = "document.documentElement.scrollWidth - innerWidth"
            found[path] = await findings(page)
            if await page.evaluate(overflow) > 0:
                found[path].append("wider than the screen")
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.gen_test(timeout=120)
async def test_the_first_view_is_small(system: System, open_page: OpenPage) -> None:
    await fill(system)
    sizes: dict[str, int] = {}
    async with open_page() as page:
        session = await page.context.new_cdp_session(page)
        await session.send("Network.enable")
        await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        urls: dict[str, str] = {}
        session.on(
            "Network.responseReceived",
            lambda event: urls.update({event["requestId"]: event["response"]["url"]}),
        )
        session.on(
            "Network.loadingFinished",
            lambda event: sizes.update(
                {urls.get(event["requestId"], ""): event["encodedDataLength"]}
            ),
        )
        await page.goto("/charge-points/CP1", wait_until="load")
    own = {url: size for url, size in sizes.items() if "/static/charts/" not in url}
    assert len(own) >= 8
    assert sum(own.values()) < FIRST_VIEW_BYTES
