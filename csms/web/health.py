"""`/healthz`, `/readyz` and `/metrics`: for whatever watches the process."""

from __future__ import annotations

from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST

from csms import db
from csms.errors import DatabaseUnavailable
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

    async def get(self) -> None:
        """Write them in the text format."""
        await self.services.open_alarms.refresh()
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(self.services.deps.metrics.of_all_workers())


class OwnMetricsHandler(OpenHandler):
    """The metrics of this process alone."""

    async def get(self) -> None:
        """Write them in the text format."""
        await self.services.open_alarms.refresh()
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(self.services.deps.metrics.own())
