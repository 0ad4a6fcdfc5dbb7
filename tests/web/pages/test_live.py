"""Server-sent events: what a page is told, and whom nothing is told."""

from __future__ import annotations

import asyncio
from typing import Self

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from tests.support import PATIENCE
from tests.support.pages import Visitor, sign_in
from tests.support.system import System


class Events:
    """The stream of one open page."""

    def __init__(self, visitor: Visitor, query: str) -> None:
        self._visitor, self._query = visitor, query
        self._events: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._text = ""

    async def __aenter__(self) -> Self:
        cookies = "; ".join(f"{name}={value}" for name, value in self._visitor.cookies.items())
        request = HTTPRequest(
            f"{self._visitor.system.http}/live?{self._query}",
            headers={"Cookie": cookies},
            streaming_callback=self._take,
            request_timeout=PATIENCE * 2,
        )
        self._client = AsyncHTTPClient(force_instance=True)
        self._task = asyncio.ensure_future(self._client.fetch(request, raise_error=False))
        return self

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        self._client.close()

    def _take(self, chunk: bytes) -> None:
        self._text += chunk.decode()
        *events, self._text = self._text.split("\n\n")
        for event in events:
            kind, data = event.split("\n")
            self._events.put_nowait((kind.removeprefix("event: "), data.removeprefix("data: ")))

    async def ended(self) -> HTTPResponse:
        """Wait for the end of the stream."""
        return await asyncio.shield(self._task)

    async def wait_for(self, kind: str, data: str = "") -> None:
        """Wait for an event; others before it do not matter."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found, told = await self._events.get()
                if found == kind and data in told:
                    return


@pytest.mark.gen_test
async def test_changes_are_told(system: System) -> None:
    visitor = await sign_in(system, "viewer")
    async with Events(visitor, "collections=charge_points,api_tokens") as events:
        await events.wait_for("live")
        await events.wait_for("changed", "charge_points")
        await system.whitelist("CP1")
        await events.wait_for("changed", "charge_points")


@pytest.mark.gen_test
async def test_readings_are_told_to_who_watches_that_charge_point(system: System) -> None:
    watched, other = await system.online("CP1"), await system.online("CP2")
    visitor = await sign_in(system, "viewer")
    live = system.central_system.services.live
    with live.viewer(frozenset({"meter_values"}), "CP1") as viewer:
        await asyncio.wait_for(viewer.woken.wait(), PATIENCE)
        viewer.take()
        reading = {
            "connectorId": 1,
            "meterValue": [{"timestamp": "2026-11-24T00:00:00Z", "sampledValue": [{"value": "1"}]}],
        }
        await other.call("MeterValues", reading)
        assert not viewer.woken.is_set()
        await watched.call("MeterValues", reading)
        await asyncio.wait_for(viewer.woken.wait(), PATIENCE)
        assert viewer.take() == {"meter_values"}
    assert (await visitor.page("/"))[0] == 200


@pytest.mark.gen_test
async def test_who_is_signed_out_is_told_no_more(system: System) -> None:
    visitor = await sign_in(system, "viewer")
    async with Events(visitor, "collections=charge_points") as events:
        await events.wait_for("live")
        await visitor.post("/sign-out")
        await system.whitelist("CP1")
        assert (await asyncio.wait_for(events.ended(), PATIENCE)).code == 200


@pytest.mark.gen_test
async def test_strangers_are_told_nothing(system: System) -> None:
    status, _ = await Visitor(system).page("/live?collections=charge_points")
    assert status == 401


@pytest.mark.gen_test
async def test_nothing_is_followed_when_nobody_watches(system: System) -> None:
    live = system.central_system.services.live
    with live.viewer(frozenset({"charge_points"}), None) as viewer:
        await asyncio.wait_for(viewer.woken.wait(), PATIENCE)
        assert live.following.is_set()
    assert not live.following.is_set()
