"""Commands sent to all charge points, and the audit of changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field
from tornado.web import HTTPError

from csms.domain.api_token import Role
from csms.domain.command import CommandStatus, Outcome, outcome_of
from csms.repositories.audit import Event
from csms.repositories.pages import find_listing
from csms.web.api.audit import AuditQuery
from csms.web.api.readings import TimeRange
from csms.web.pages.base import PageHandler
from csms.web.pages.local_times import LocalTime

PageNumber = Annotated[int, Field(ge=1, le=1_000_000)]


OUTCOMES: Mapping[Outcome, str] = {
    Outcome.ANSWERED: "answered",
    Outcome.CALL_ERROR: "answered with an error",
    Outcome.SENT_NO_ANSWER: "sent, but not answered; it may have been carried out",
    Outcome.NOT_SENT: "not sent",
    Outcome.DONE: "done: the charge point has booted since",
}


def beside_answer(command: Mapping[str, Any]) -> str | None:
    """What a list says of a command beside its status and answer; None where these say it all."""
    outcome = outcome_of(command)
    if outcome in (None, Outcome.ANSWERED, Outcome.CALL_ERROR):
        return None
    return OUTCOMES[outcome]


class CommandsQuery(TimeRange):
    """Which commands."""

    action: Annotated[str, Field(max_length=100)] | None = None
    status: CommandStatus | None = None
    requestedBy: Annotated[str, Field(max_length=100)] | None = None
    since: LocalTime | None = Field(None, alias="from")
    until: LocalTime | None = Field(None, alias="to")
    page: PageNumber = 1

    def matching(self) -> dict[str, Any]:
        """The query as a MongoDB filter."""
        chosen = self.model_dump(include={"action", "status", "requestedBy"}, exclude_none=True)
        return self.filter("requestedAt") | chosen


class CommandsPage(PageHandler):
    """All commands."""

    async def get(self) -> None:
        """Show them, the latest first."""
        query = self.read_query(CommandsQuery)
        listing = await find_listing(
            self.services.deps.commands.collection,
            query.matching(),
            sort_field="requestedAt",
            order="desc",
            page=query.page,
        )
        self.show(
            "commands.html",
            query=query,
            listing=listing,
            actions=self.services.commands.actions,
            statuses=list(CommandStatus),
            beside_answer=beside_answer,
        )


class CommandDetailPage(PageHandler):
    """One command."""

    async def get(self, command_id: str) -> None:
        """Show what was asked and answered."""
        command = await self.services.deps.commands.get(command_id)
        if command is None:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        completed = command.get("completedAt")
        seconds = (completed - command["requestedAt"]).total_seconds() if completed else None
        self.show(
            "command.html",
            command=command,
            outcome=outcome_of(command),
            outcomes=OUTCOMES,
            seconds=seconds,
            pretty=_pretty,
        )


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


EVENTS: Mapping[str, str] = {
    Event.SIGNED_IN: "Signed in",
    Event.SIGN_IN_FAILED: "Sign-in failed",
    Event.LOCKED_OUT: "Locked out for a while",
    Event.SIGNED_OUT: "Signed out",
}


class AuditListQuery(AuditQuery):
    """Which changes."""

    since: LocalTime | None = Field(None, alias="from")
    until: LocalTime | None = Field(None, alias="to")
    page: PageNumber = 1


class AuditPage(PageHandler):
    """The changes."""

    role = Role.ADMIN

    async def get(self) -> None:
        """Show them, the latest first."""
        query = self.read_query(AuditListQuery)
        listing = await find_listing(
            self.services.audit.collection,
            query.matching(),
            sort_field="at",
            order="desc",
            page=query.page,
        )
        self.show("audit.html", query=query, listing=listing, events=EVENTS)
