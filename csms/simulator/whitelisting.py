"""Puts simulated charge points on record, through the central system's admin REST."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from csms.errors import CsmsError
from csms.simulator.endpoint import Endpoint
from csms.simulator.hardware import Hardware

AT_ONCE = 8
REQUEST_TIMEOUT = 30.0
CREATED, NOT_FOUND, DUPLICATE = (200, 201), 404, 409

Body = dict[str, Any]


class WhitelistingFailed(CsmsError):
    """The central system did not take a record; the text says why, and what to do."""


class Whitelisting:
    """Creates records with a token; one that is there already is left as it is."""

    def __init__(self, endpoint: Endpoint, token: str) -> None:
        self._endpoint = endpoint
        self._token = token
        self._client = AsyncHTTPClient(force_instance=True, max_clients=AT_ONCE)

    async def create_id_tag(self, id_tag: str) -> None:
        """Have an id tag accepted.

        Raises:
            WhitelistingFailed: the token was refused, or the server was not there.
        """
        await self._create("id-tags", {"idTag": id_tag, "status": "Accepted"})

    async def create_charge_points(self, fleet: Sequence[Hardware], password: str) -> int:
        """Whitelist charge points, a few at a time; returns how many were new.

        Raises:
            WhitelistingFailed: one was not taken; the rest is not tried.
        """
        bodies = (_body(hardware, password) for hardware in fleet)
        try:
            async with asyncio.TaskGroup() as group:
                workers = [group.create_task(self._work(bodies)) for _ in range(AT_ONCE)]
        except ExceptionGroup as failures:
            # They mostly fail for the same reason: one is enough to say.
            raise failures.exceptions[0] from None
        return sum(worker.result() for worker in workers)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    async def _work(self, bodies: Iterator[Body]) -> int:
        created = 0
        for body in bodies:
            created += await self._create("charge-points", body)
        return created

    async def _create(self, resource: str, body: Body) -> bool:
        url = f"{self._endpoint.admin}/{resource}"
        request = HTTPRequest(
            url,
            method="POST",
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
            body=orjson.dumps(body),
            request_timeout=REQUEST_TIMEOUT,
            ssl_options=self._endpoint.tls,
        )
        try:
            response = await self._client.fetch(request, raise_error=False)
        except (HTTPClientError, OSError) as error:
            raise WhitelistingFailed(
                f"{url} cannot be reached: {error}. Is the central system running there?"
            ) from None
        if response.code in (401, 403):
            raise WhitelistingFailed(
                f"The token of --whitelist-with was refused (HTTP {response.code}): "
                "give one of the role operator or admin."
            )
        if response.code == NOT_FOUND:
            raise WhitelistingFailed(
                f"{url} is not there: with admin_port set, name that address with --admin-url."
            )
        if response.code not in (*CREATED, DUPLICATE):
            told = _problem(response.body)
            raise WhitelistingFailed(f"{url} answered HTTP {response.code}: {told}")
        return response.code in CREATED


def _body(hardware: Hardware, password: str) -> Body:
    model = hardware.model
    body: Body = {
        "id": hardware.identity,
        "name": f"Simulated {hardware.identity}",
        "stationName": "Simulated site",
        "serialNumber": hardware.serial,
        "chargePointIdentity": hardware.identity,
        "protocol": "OCPP16",
        "brand": f"{model.vendor} {model.name}",
        "powerRating": model.power_w / 1000,
        "connectorCount": len(hardware.connector_types),
        "isWhitelisted": True,
    }
    return body | {"authorizationKey": password} if password else body


def _problem(body: bytes) -> str:
    try:
        problem = orjson.loads(body)
        return str(problem.get("detail") or problem.get("title"))
    except (orjson.JSONDecodeError, AttributeError):
        return "no reason given"
