"""What all pages share: zones, prefixes, errors."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import cast

import pytest

from csms.config import Settings
from tests.support.pages import Visitor, sign_in
from tests.support.system import System


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Asia%2FBangkok", "2026-11-24 07:00:00"),
        ("America%2FNew_York", "2026-11-23 19:00:00"),
        ("..%2F..%2Fetc%2Fpasswd", "2026-11-24 00:00:00"),
        ("No%2FWhere", "2026-11-24 00:00:00"),
    ],
)
async def test_times_are_in_the_viewers_zone(system: System, zone: str, shown: str) -> None:
    await system.whitelist()
    await system.database.charge_points.update_one(
        {"_id": "CP1"}, {"$set": {"lastSeen": datetime(2026, 11, 24, tzinfo=UTC)}}
    )
    visitor = await sign_in(system)
    visitor.cookies["csms_zone"] = zone
    _, text = await visitor.page("/charge-points")
    text = re.sub("</?span>", "", text)
    assert f">{shown}</time>" in text and 'datetime="2026-11-24T00:00:00' in text


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "sort=evil", "connected=perhaps", "limit=-1"]
)
async def test_a_query_that_cannot_be_read(system: System, query: str) -> None:
    visitor = await sign_in(system)
    status, text = await visitor.page(f"/charge-points?{query}")
    assert status == 400 and "The request cannot be read." in text


@pytest.mark.gen_test
async def test_nothing_is_at_an_unknown_path(system: System) -> None:
    visitor = Visitor(system)
    response = await visitor.fetch("GET", "/no/such", Accept="text/html")
    assert response.code == 404 and b"<h1>Not Found</h1>" in response.body
    response = await visitor.fetch("GET", "/no/such")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.code == 404


@pytest.mark.gen_test
async def test_pages_are_compressed(system: System) -> None:
    visitor = await sign_in(system)
    response = await visitor.fetch("GET", "/charge-points", Accept_Encoding="gzip")
    assert response.headers.get("X-Consumed-Content-Encoding") == "gzip"


class TestUnderAPrefix:
    """Behind a proxy that shows csms under a path, whether it strips the path or not."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return cast(Settings, settings.model_copy(update={"path_prefix": "/my/csms"}))

    @pytest.mark.gen_test
    @pytest.mark.parametrize("kept", ["", "/my/csms"])
    async def test_links_lead_to_the_prefix(self, system: System, kept: str) -> None:
        await system.whitelist()
        visitor = await sign_in(system)
        assert "path=/my/csms/" in visitor.set_cookies["csms_session"].lower()
        _, text = await visitor.page(f"{kept}/charge-points")
        assert 'href="/my/csms/charge-points/CP1"' in text
        assert 'href="/my/csms/static/admin/admin.css"' in text
        for link in set(text.split('href="')[1:]):
            assert link.startswith(("/my/csms/", "#")), link[:60]
        assert (await visitor.fetch("GET", f"{kept}/static/admin/admin.css")).code == 200
        response = await Visitor(system).fetch("GET", f"{kept}/charge-points")
        assert response.headers["Location"] == "/my/csms/sign-in?next=%2Fcharge-points"

    @pytest.mark.gen_test
    async def test_charge_points_and_the_rest_are_there_too(self, system: System) -> None:
        await system.whitelist()
        status, _ = await system.rest("GET", "/my/csms/admin/charge-points")
        assert status == 200
        system.http += "/my/csms"
        charge_point = await system.connect("CP1")
        assert (await charge_point.boot())["status"] == "Accepted"


class TestBehindTls:
    """Behind a proxy that speaks TLS."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return cast(
            Settings,
            settings.model_copy(update={"trust_proxy_headers": (ip_network("127.0.0.1"),)}),
        )

    @pytest.mark.gen_test
    async def test_cookies_go_over_tls_alone(self, system: System) -> None:
        visitor = Visitor(system)
        await visitor.fetch("GET", "/sign-in", X_Forwarded_Proto="https")
        assert "secure" in visitor.set_cookies["_xsrf"].lower()
