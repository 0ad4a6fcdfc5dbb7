"""`/healthz`, `/readyz` and `/metrics`: for whatever watches the process."""

from __future__ import annotations

import hmac
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST

from csms import db
from csms.errors import DatabaseUnavailable, Unauthorized
from csms.web.api.base import ProblemHandler


class OpenHandler(ProblemHandler):
    """Base of what needs no token."""

    async def prepare(self) -> None:
        """Let everybody in."""


class HealthHandler(OpenHandler):
    """Whether the process is alive."""

    async def get(self) -> None:
        """Answer."""
        self.finish({"status": "ok"})


class ReadyHandler(OpenHandler):
    """Whether charge points can be served: the database answers, sockets are accepted."""

    async def get(self) -> None:
        """Answer 200, or 503 with what is missing.

        At the limit of open files those that are connected are still served, so that is 200 with a
        remark. For newcomers it is the wrong node, which they are told themselves.
        """
        if not self.services.accepting():
            self.set_status(HTTPStatus.SERVICE_UNAVAILABLE)
            self.finish({"status": "stopping"})
            return
        try:
            await db.ping(self.services.database)
        except DatabaseUnavailable:
            self.set_status(HTTPStatus.SERVICE_UNAVAILABLE)
            self.finish({"status": "the database is away"})
            return
        remark = {"remark": "the limit of open files is reached"}
        self.finish({"status": "ready"} | (remark if self.services.is_at_limit() else {}))


class MetricsHandler(OpenHandler):
    """The metrics of all workers that share the port, for Prometheus."""

    async def prepare(self) -> None:
        """Let in who has the token, where one is set; no database is asked."""
        expected = self.services.deps.settings.metrics_token
        if expected is None:
            return
        scheme, _, shown = self.request.headers.get("Authorization", "").partition(" ")
        is_right = hmac.compare_digest(
            shown.strip().encode(), expected.get_secret_value().strip().encode()
        )
        if scheme.casefold() != "bearer" or not is_right:
            raise Unauthorized("Send `metrics_token` as `Authorization: Bearer TOKEN`.")

    async def get(self) -> None:
        """Write them in the text format."""
        await self.services.open_alarms.refresh()
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(self.services.deps.metrics.of_all_workers())


class OwnMetricsHandler(MetricsHandler):
    """The metrics of this process alone."""

    async def get(self) -> None:
        """Write them in the text format."""
        await self.services.open_alarms.refresh()
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(self.services.deps.metrics.own())
