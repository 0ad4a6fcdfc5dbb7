"""Sends commands: checks the Call, records it, gets it to its socket, records the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog
from pydantic import BaseModel

from csms import db
from csms.actions.context import Deps, Outbound
from csms.connections.bus import Bus
from csms.connections.connection import Connection
from csms.connections.registry import Registry
from csms.domain.as_sent import bounded, status_in
from csms.domain.charge_point import has_booted
from csms.domain.command import (
    LEFT_OUT,
    NOT_VERIFIED,
    RESET_SENT_AT,
    CommandStatus,
    Outcome,
    failure_of,
)
from csms.domain.stored_bytes import COMMAND_BYTES, COMMANDS
from csms.errors import (
    ENTER_SERIAL_FIRST,
    VERIFY_FIRST,
    CallErrorReceived,
    ChargePointOffline,
    CommandError,
    CommandTimeout,
    CsmsError,
    DatabaseUnavailable,
    FieldError,
    InvalidInput,
    NotBooted,
    NotVerified,
)
from csms.ocppj.frames import Payload
from csms.ocppj.payloads import outbound_errors
from csms.repositories.commands import Travel

log = structlog.get_logger(__name__)


class CommandOutcome(BaseModel):
    """What REST answers when the charge point has answered."""

    id: str
    action: str
    status: CommandStatus
    outcome: Outcome
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

    @property
    def credential_givers(self) -> list[str]:
        """What may hand a credential to the charge point."""
        return [name for name in self.actions if self._outbound[name].may_give_credential]

    @property
    def before_boot(self) -> list[str]:
        """What may be asked for when the charge point has not booted."""
        return [name for name in self.actions if self._outbound[name].before_boot]

    async def require_connected(
        self, charge_point_id: str, *, before_boot: bool = False
    ) -> db.Document:
        """The record of a charge point that is connected, on whatever node.

        Raises:
            NotFound: there is no such charge point.
            ChargePointOffline: it is not connected.
            NotBooted: it is, but has not booted here, and `before_boot` does not allow that.
        """
        record = await self._deps.charge_points.get(charge_point_id)
        if record.get("ocppSessionId") is None:
            raise ChargePointOffline()
        connection = self._registry.of(charge_point_id)
        booted = has_booted(record) if connection is None else connection.accepted
        if not before_boot and not booted:
            raise NotBooted()
        return record

    async def execute(
        self,
        charge_point_id: str,
        action: str,
        payload: Payload,
        requested_by: str,
        *,
        unverified: bool = False,
    ) -> CommandOutcome:
        """Send a command and return the charge point's answer, secrets masked.

        With `unverified`, a credential is also handed to a connection that has not shown who it is.

        Raises:
            NotFound: there is no such charge point.
            InvalidInput: the action is unknown, or the payload breaks its schema; nothing is sent.
            ChargePointOffline, CommandTimeout, CallErrorReceived: there was no CallResult.
        """
        answer, command_id = await self._execute(
            charge_point_id, action, payload, requested_by, unverified=unverified
        )
        return CommandOutcome(
            id=command_id,
            action=action,
            status=CommandStatus.ANSWERED,
            outcome=Outcome.ANSWERED,
            response=self._shown(charge_point_id, action, answer),
        )

    async def ask(
        self,
        charge_point_id: str,
        action: str,
        payload: Payload,
        requested_by: str,
        *,
        is_question: bool = False,
    ) -> Payload:
        """The same, for code that goes on to work with the answer as it came.

        `is_question` is for what csms asks by itself, on a socket of this node: commands of people
        go ahead of it.
        """
        answer, _ = await self._execute(
            charge_point_id, action, payload, requested_by, is_question=is_question
        )
        return answer

    async def _execute(
        self,
        charge_point_id: str,
        action: str,
        payload: Payload,
        requested_by: str,
        *,
        is_question: bool = False,
        unverified: bool = False,
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
                outbound.request_shown(payload),
                requested_by,
                self._deps.clock(),
                node_id,
                travel,
                unverified=unverified,
            )

        own = self._deps.settings.node_id
        try:
            if self._registry.of(charge_point_id) is None and record.get("nodeId") not in (
                None,
                own,
            ):
                if not outbound.before_boot and not has_booted(record):
                    raise NotBooted()
                answer = await self._bus.command(record, payload, create)
            else:
                await create(own)
                answer = await self._send(
                    charge_point_id,
                    action,
                    payload,
                    command_id,
                    is_question=is_question,
                    unverified=unverified,
                )
        except CsmsError as error:
            if not command_id:
                await create(own)
            await self._record_failure(command_id, error)
            if isinstance(error, CommandError):
                error.command_id = command_id
            raise
        answer = bounded(answer)
        await outbound.after(self._deps, charge_point_id, payload, answer)
        log.info("command_answered", charge_point=charge_point_id, action=action, id=command_id)
        return answer, command_id

    async def _send(
        self,
        charge_point_id: str,
        action: str,
        payload: Payload,
        command_id: str,
        *,
        is_question: bool = False,
        unverified: bool = False,
    ) -> Payload:
        """Send a command on a socket of this node, and record the answer."""
        connection = self._registry.of(charge_point_id)
        outbound = self._outbound[action]
        if connection is None or connection.is_turned_away:
            raise ChargePointOffline()
        if not connection.accepted and not outbound.before_boot:
            raise NotBooted()
        if outbound.gives_credential(payload) and not unverified:
            await self._require_identity(connection)
        if outbound.restarts:
            await self._note_restart(connection)
        answer = await connection.call(
            action, payload, lambda: self._mark_sent(command_id), is_question=is_question
        )
        if (serial := outbound.told_serial(answer)) is not None:
            connection.configured_serial = serial
        try:
            await self._deps.commands.finish(
                command_id,
                CommandStatus.ANSWERED,
                Outcome.ANSWERED,
                self._deps.clock(),
                response=self._recorded(connection, action, answer),
            )
        except DatabaseUnavailable:
            # An error would read as if the command might be sent again.
            log.error("answer_not_recorded", id=command_id)
        return answer

    def _recorded(self, connection: Connection, action: str, answer: Payload) -> Payload:
        """An answer as it is recorded: no more than its status, where there is no room for more."""
        shown = self._shown(connection.charge_point_id, action, answer)
        stored = connection.stored
        if stored.is_over and stored.is_full(COMMANDS):
            status = {"status": status_in(shown)} if "status" in shown else {}
            shown = {**status, "leftOut": LEFT_OUT}
        stored.add(COMMANDS, len(repr(shown)) + COMMAND_BYTES)
        return shown

    def _shown(self, charge_point_id: str, action: str, answer: Payload) -> Payload:
        """A charge point's answer as it is recorded and shown."""
        shown = self._outbound[action].response_shown(answer)
        secrets = self._deps.secrets.of(charge_point_id)
        return shown if secrets is None else dict(secrets.masked(shown))

    async def _require_identity(self, connection: Connection) -> None:
        """See that a connection has shown who it is, before it is handed a credential.

        Raises:
            NotVerified: it has not.
        """
        record = await self._deps.charge_points.get(connection.charge_point_id)
        seen = await self._deps.stored_keys.as_shown(record, connection.proof.key)
        if not connection.has_shown_identity(seen):
            raise NotVerified(VERIFY_FIRST if record.get("serialNumber") else ENTER_SERIAL_FIRST)

    async def _note_restart(self, connection: Connection) -> None:
        """Leave a note for the boot that follows, which may come to any node."""
        # Written before the Call is sent: the charge point may be quicker than a write behind it.
        now = {RESET_SENT_AT: self._deps.clock()}
        await self._deps.held.set_fields(connection.hold, now)
        if connection.record_before is not None:
            connection.record_before |= now

    async def _send_for_another(
        self, charge_point_id: str, action: str, payload: Payload, command_id: str, unverified: bool
    ) -> None:
        """Send a command that another node has recorded; the outcome is in the record."""
        try:
            if action not in self._outbound:
                # The nodes are being upgraded, and the other one knows more.
                raise ChargePointOffline(f"not sent: its node does not know {action}")
            await self._send(charge_point_id, action, payload, command_id, unverified=unverified)
        except CsmsError as error:
            await self._record_failure(command_id, error)
        except Exception:
            log.exception("command_broke", id=command_id)
            lost = CommandTimeout("the node that holds the socket failed; it may have been sent")
            await self._record_failure(command_id, lost)

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
        status, outcome = failure_of(error)
        detail: dict[str, Any] = {"message": str(error)}
        if isinstance(error, CallErrorReceived):
            detail = {"code": error.code, "description": error.description}
        elif isinstance(error, NotVerified):
            detail["reason"] = NOT_VERIFIED
        log.info("command_failed", id=command_id, status=status.value, outcome=outcome.value)
        with suppress(DatabaseUnavailable):
            await self._deps.commands.finish(
                command_id, status, outcome, self._deps.clock(), error=detail
            )
