"""Commands: a Call that somebody asked for, checked, recorded, sent, and its outcome recorded."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog
from pydantic import BaseModel

from csms import db
from csms.actions.context import Deps, Outbound
from csms.connections.bus import Bus
from csms.connections.registry import Registry
from csms.errors import (
    CallErrorReceived,
    ChargePointOffline,
    CommandTimeout,
    CsmsError,
    DatabaseUnavailable,
    FieldError,
    InvalidInput,
)
from csms.ocppj.frames import Payload
from csms.ocppj.payloads import outbound_errors
from csms.repositories.commands import CommandStatus, Travel

log = structlog.get_logger(__name__)

NOT_CONNECTED = "Charger not connected"


class CommandOutcome(BaseModel):
    """What REST answers when the charge point has answered."""

    id: str
    action: str
    status: CommandStatus
    response: dict[str, Any]


class CommandRouter:
    """Gets a command to the socket of its charge point."""

    def __init__(
        self, deps: Deps, registry: Registry, outbound: Mapping[str, Outbound], bus: Bus
    ) -> None:
        self._deps = deps
        self._registry = registry
        self._outbound = outbound
        self._bus = bus
        bus.send = self._send_for_another

    @property
    def actions(self) -> list[str]:
        """What may be asked for."""
        return sorted(self._outbound)

    async def require_connected(self, charge_point_id: str) -> db.Document:
        """The record of a charge point that is connected, on whatever node.

        Raises:
            NotFound: there is no such charge point.
            ChargePointOffline: it is not connected.
        """
        record = await self._deps.charge_points.get(charge_point_id)
        if record.get("ocppSessionId") is None or record.get("registrationStatus") != "Accepted":
            raise ChargePointOffline(NOT_CONNECTED)
        return record

    async def execute(
        self, charge_point_id: str, action: str, payload: Payload, requested_by: str
    ) -> CommandOutcome:
        """Send a command and return the charge point's answer, secrets masked.

        Raises:
            NotFound: there is no such charge point.
            InvalidInput: the action is unknown, or the payload breaks its schema; nothing is sent.
            ChargePointOffline, CommandTimeout, CallErrorReceived: there was no CallResult.
        """
        answer, command_id = await self._execute(charge_point_id, action, payload, requested_by)
        return CommandOutcome(
            id=command_id,
            action=action,
            status=CommandStatus.ANSWERED,
            response=self._outbound[action].mask_response(answer),
        )

    async def ask(
        self, charge_point_id: str, action: str, payload: Payload, requested_by: str
    ) -> Payload:
        """The same, for code that goes on to work with the answer as it came."""
        answer, _ = await self._execute(charge_point_id, action, payload, requested_by)
        return answer

    async def _execute(
        self, charge_point_id: str, action: str, payload: Payload, requested_by: str
    ) -> tuple[Payload, str]:
        record = await self._deps.charge_points.get(charge_point_id)
        outbound = self._known(action)
        payload = await outbound.prepare(self._deps, charge_point_id, payload)
        if errors := outbound_errors(action, payload) or outbound.check(payload):
            raise InvalidInput(*errors)
        command_id = ""

        async def create(node_id: str, travel: Travel | None = None) -> None:
            nonlocal command_id
            command_id = await self._deps.commands.create(
                charge_point_id,
                action,
                outbound.mask_request(payload),
                requested_by,
                self._deps.clock(),
                node_id,
                travel,
            )

        own = self._deps.settings.node_id
        try:
            if self._registry.of(charge_point_id) is None and record.get("nodeId") not in (
                None,
                own,
            ):
                answer = await self._bus.command(record, payload, create)
            else:
                await create(own)
                answer = await self._send(charge_point_id, action, payload, command_id)
        except CsmsError as error:
            if not command_id:
                await create(own)
            await self._record_failure(command_id, error)
            raise
        await outbound.after(self._deps, charge_point_id, payload, answer)
        log.info("command_answered", charge_point=charge_point_id, action=action, id=command_id)
        return answer, command_id

    async def _send(
        self, charge_point_id: str, action: str, payload: Payload, command_id: str
    ) -> Payload:
        """Send a command on a socket of this node, and record the answer."""
        connection = self._registry.of(charge_point_id)
        if connection is None or not connection.accepted:
            raise ChargePointOffline(NOT_CONNECTED)
        answer = await connection.call(action, payload, on_sent=lambda: self._mark_sent(command_id))
        masked = self._outbound[action].mask_response(answer)
        await self._deps.commands.finish(
            command_id, CommandStatus.ANSWERED, self._deps.clock(), response=masked
        )
        return answer

    async def _send_for_another(
        self, charge_point_id: str, action: str, payload: Payload, command_id: str
    ) -> None:
        """Send a command that another node has recorded; the outcome is in the record."""
        try:
            await self._send(charge_point_id, action, payload, command_id)
        except CsmsError as error:
            await self._record_failure(command_id, error)

    def _known(self, action: str) -> Outbound:
        outbound = self._outbound.get(action)
        if outbound is None:
            known = ", ".join(self.actions)
            raise InvalidInput(FieldError("action", f"is not a command; use one of {known}"))
        return outbound

    async def _mark_sent(self, command_id: str) -> None:
        # The Call is out already: the answer matters more than this note.
        with suppress(DatabaseUnavailable):
            await self._deps.commands.mark_sent(command_id)

    async def _record_failure(self, command_id: str, error: CsmsError) -> None:
        statuses = {
            ChargePointOffline: CommandStatus.OFFLINE,
            CommandTimeout: CommandStatus.TIMEOUT,
            CallErrorReceived: CommandStatus.CALL_ERROR,
        }
        detail: dict[str, Any] = {"message": str(error)}
        if isinstance(error, CallErrorReceived):
            detail = {"code": error.code, "description": error.description}
        status = statuses.get(type(error), CommandStatus.OFFLINE)
        log.info("command_failed", id=command_id, status=status.value)
        with suppress(DatabaseUnavailable):
            await self._deps.commands.finish(command_id, status, self._deps.clock(), error=detail)
