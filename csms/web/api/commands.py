"""`/admin/charge-points/{id}/...`: what is asked of a connected charge point."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from csms.connections.commands import CommandOutcome
from csms.connections.connector_sync import refresh_connectors
from csms.connections.verification import verify
from csms.domain.api_token import Role
from csms.domain.charge_point import ConnectorView
from csms.domain.command import CommandStatus, Outcome, outcome_of
from csms.domain.verification import Verification, VerifyRequest
from csms.errors import Forbidden
from csms.ocppj.frames import Payload
from csms.repositories.pages import Page, find_page
from csms.web.api.base import ApiHandler, PageQuery, endpoint

_ERRORS = (404, 409, 502, 504)


class RemoteStart(BaseModel):
    """Start charging. Without a connector the charge point picks one."""

    model_config = ConfigDict(extra="forbid")

    idTag: Annotated[str, Field(min_length=1, max_length=20)]
    connectorId: Annotated[int, Field(ge=1)] | None = None


class RemoteStop(BaseModel):
    """Stop charging."""

    model_config = ConfigDict(extra="forbid")

    transactionId: int


class CommandRequest(BaseModel):
    """Any command; the payload as OCPP 1.6 has it."""

    model_config = ConfigDict(extra="forbid")

    action: str
    payload: dict[str, Any] = {}
    unverified: bool = Field(
        False,
        description="hand an authorization key or a certificate also to a connection that has shown"
        " neither the serial on record nor a credential; for admins",
    )


class CommandView(BaseModel):
    """A command as it was recorded; secrets are masked."""

    id: str
    chargePointId: str
    action: str
    payload: dict[str, Any]
    status: CommandStatus
    outcome: Outcome | None = Field(
        description="null while it is open; sentNoAnswer: it may have been carried out;"
        " notSent: it may be sent again; done: a Reset that a boot followed"
    )
    response: dict[str, Any] | None
    error: dict[str, Any] | None
    requestedBy: str | None
    requestedAt: datetime
    completedAt: datetime | None
    nodeId: str | None
    transactionId: int | None = Field(None, description="what a RemoteStartTransaction led to")
    unverified: bool = Field(
        False, description="whether an admin let it go to a connection that was not verified"
    )


class Connectors(BaseModel):
    """The connectors of a charge point as they are on record now."""

    connectors: list[ConnectorView]


class CommandQuery(PageQuery):
    """Which commands to list."""

    action: str | None = None
    status: CommandStatus | None = None


class _CommandHandler(ApiHandler):
    """What the commands share."""

    async def execute(
        self, charge_point_id: str, action: str, payload: Payload, *, unverified: bool = False
    ) -> CommandOutcome:
        return await self.services.commands.execute(
            charge_point_id, action, payload, self.token.name, unverified=unverified
        )


class RemoteStartHandler(_CommandHandler):
    """RemoteStartTransaction in short."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Start a transaction",
        body=RemoteStart,
        returns=CommandOutcome,
        errors=_ERRORS,
    )
    async def post(self, charge_point_id: str, body: RemoteStart) -> CommandOutcome:
        payload = body.model_dump(exclude_none=True)
        return await self.execute(charge_point_id, "RemoteStartTransaction", payload)


class RemoteStopHandler(_CommandHandler):
    """RemoteStopTransaction in short."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Stop a transaction",
        body=RemoteStop,
        returns=CommandOutcome,
        errors=_ERRORS,
    )
    async def post(self, charge_point_id: str, body: RemoteStop) -> CommandOutcome:
        return await self.execute(charge_point_id, "RemoteStopTransaction", body.model_dump())


class RefreshConnectorsHandler(ApiHandler):
    """The connectors, asked for again."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Ask the charge point for its connectors again",
        returns=Connectors,
        errors=_ERRORS,
    )
    async def post(self, charge_point_id: str) -> Connectors:
        async def call(action: str, payload: Payload) -> Payload:
            return await self.services.commands.ask(
                charge_point_id, action, payload, self.token.name
            )

        connectors = await refresh_connectors(call, self.services.deps, charge_point_id)
        return Connectors(connectors=[ConnectorView.model_validate(c) for c in connectors])


class VerifyHandler(ApiHandler):
    """Is it the charge point that the database says it is?"""

    @endpoint(
        role=Role.OPERATOR,
        summary="Ask the connected charge point who it is, and compare with its record",
        body=VerifyRequest,
        body_optional=True,
        returns=Verification,
        errors=_ERRORS,
    )
    async def post(self, charge_point_id: str, body: VerifyRequest) -> Verification:
        return await verify(
            self.services.deps,
            self.services.commands,
            charge_point_id,
            body.freshBoot,
            self.token.name,
        )


class CommandsHandler(_CommandHandler):
    """Any command, and the list of those that were."""

    @endpoint(
        role=Role.VIEWER,
        summary="Commands sent to a charge point, newest first",
        query=CommandQuery,
        returns=Page[CommandView],
        errors=(404,),
    )
    async def get(self, charge_point_id: str, query: CommandQuery) -> Page[CommandView]:
        await self.services.deps.charge_points.get(charge_point_id)
        found: dict[str, Any] = {"chargePointId": charge_point_id}
        if query.action is not None:
            found["action"] = query.action
        if query.status is not None:
            found["status"] = query.status
        documents, cursor = await find_page(
            self.services.deps.commands.collection,
            found,
            sort_field="requestedAt",
            order="desc",
            limit=query.limit,
            cursor=query.cursor,
        )
        items = [
            CommandView.model_validate({**d, "id": d["_id"], "outcome": outcome_of(d)})
            for d in documents
        ]
        return Page(items=items, nextCursor=cursor)

    @endpoint(
        role=Role.OPERATOR,
        summary="Send any command",
        body=CommandRequest,
        returns=CommandOutcome,
        errors=_ERRORS,
    )
    async def post(self, charge_point_id: str, body: CommandRequest) -> CommandOutcome:
        if body.unverified and not self.token.may(Role.ADMIN):
            raise Forbidden(
                f"`unverified` needs the role {Role.ADMIN}; the token has {self.token.role}."
            )
        return await self.execute(
            charge_point_id, body.action, body.payload, unverified=body.unverified
        )
