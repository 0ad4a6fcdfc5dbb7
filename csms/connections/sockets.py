"""Opens, boots and closes connections: what the WebSocket handler calls, and nothing of Tornado."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from csms.actions.context import Deps, Inbound
from csms.connections.admission import Admission, Admitted, Reason
from csms.connections.backlog import Backlog
from csms.connections.connection import (
    CERTIFICATE_ENDED,
    OURSELVES,
    Ask,
    Connection,
    Node,
    Transport,
)
from csms.connections.connector_sync import SYNC_ERROR, sync_connectors
from csms.connections.gate import Gate, KnownIdentities
from csms.connections.holding import Holding
from csms.connections.message_log import MessageLog
from csms.connections.own_questions import OwnQuestions
from csms.connections.registry import Registry
from csms.connections.standstill import Standstills
from csms.domain import protocol_trouble
from csms.domain.command import RESET_SENT_AT, RESET_WINDOW
from csms.domain.unanswered import BOOT, CONFIGURATION
from csms.errors import (
    CallErrorReceived,
    ChargePointOffline,
    CommandError,
    CommandTimeout,
    CsmsError,
    DatabaseUnavailable,
    SessionLost,
)
from csms.repositories.rejected_connections import Rejection

log = structlog.get_logger(__name__)

SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
AWAY = "Try again later"
RESTART = "The central system restarts"
_ROUTINE = frozenset((AWAY, RESTART))
"""Closes that say nothing of the charge point."""

CLOSED_AT_ONCE = 50
RELEASE_AGAIN_AFTER = 3.0


class Sockets:
    """The life of the sockets of this node."""

    def __init__(
        self,
        deps: Deps,
        registry: Registry,
        admission: Admission,
        inbound: Mapping[str, Inbound],
        messages: MessageLog,
        ask: Ask,
        holding: Holding,
        standstills: Standstills,
    ) -> None:
        self._deps = deps
        self._registry = registry
        self._admission = admission
        self._node = Node(
            deps,
            inbound,
            messages,
            admission.bind,
            self._accepted,
            self._unbooted,
            self._work,
            ask,
            holding.regain,
            standstills,
        )
        self._configuration_reads = OwnQuestions(deps, CONFIGURATION, SYNC_ERROR)
        self._boot_triggers = OwnQuestions(deps, BOOT)
        self._tasks: set[asyncio.Task[None]] = set()
        self._releases: set[asyncio.Task[None]] = set()
        self.accepting = True
        most = deps.settings.max_waiting_mb * 1024 * 1024
        self.backlog = Backlog(most, deps.metrics.short_of_room.inc)
        known = KnownIdentities(deps.charge_points.whitelisted_identities)
        self.gate = Gate(deps.settings.max_connects_per_second, known)

    def connect(self, transport: Transport, admitted: Admitted, remote_address: str) -> Connection:
        """Make the connection of a socket that was just upgraded."""
        connection = Connection(
            transport, self._node, identity=admitted.identity, remote_address=remote_address
        )
        connection.proof = admitted.proof
        connection.credentials = admitted.credentials
        connection.quirks = admitted.quirks
        self._registry.add(connection)
        self._deps.metrics.connections.set(len(self._registry))
        return connection

    async def open(self, connection: Connection, admitted: Admitted) -> None:
        """Give the connection its record, or a deadline for the boot that gets it one."""
        try:
            if admitted.record is not None:
                await self._admission.admit(connection, admitted.record)
            else:
                self._admission.waiting.enter(connection)
                self._spawn(self._await_boot(connection), self._tasks)
        except DatabaseUnavailable:
            connection.close(TRY_AGAIN_LATER, AWAY)
        except SessionLost:
            # Another node has let its charge point in meanwhile.
            connection.lose()

    def closed(self, connection: Connection, code: int | None) -> None:
        """Clean up after a socket; what it sent before is still served."""
        connection.was_closed()
        self._admission.waiting.leave(connection)
        self._registry.remove(connection)
        self._deps.metrics.connections.set(len(self._registry))
        reason = connection.transport.closed_for
        connection.log.info("disconnected", code=code, closed_for=reason)
        # Of one that was replaced, its successor has stored it.
        if reason is not None and not connection.is_lost:
            self._note_close(connection, reason)
        self._spawn(self._release(connection), self._releases)

    def _note_close(self, connection: Connection, reason: str) -> None:
        """Keep why csms closed the socket of a charge point.

        A visitor that was turned away is in `rejected_connections`: the record is not its own,
        unless the record itself was changed and no longer lets it in.
        """
        is_forgotten = reason in (
            Reason.NOT_WHITELISTED,
            Reason.CREDENTIALS_REQUIRED,
            CERTIFICATE_ENDED,
        )
        if not connection.is_known or reason in _ROUTINE:
            return
        if connection.is_turned_away and not is_forgotten:
            return
        fields = {"closedByCsmsAt": self._deps.clock(), "closedByCsmsReason": reason}
        self._deps.held.note_end(connection.hold, fields)
        if not is_forgotten:
            self._deps.note_trouble(connection.hold, protocol_trouble.closed(reason))

    async def _release(self, connection: Connection) -> None:
        await connection.drained()
        self._deps.bounds.note(connection.stored)
        closed_at = self._deps.clock()
        while connection.claim is not None:
            try:
                await self._deps.held.release(connection.claim, closed_at)
                return
            except DatabaseUnavailable:
                connection.log.error("release_failed")
            # Without it the record would show a socket that is gone, for as long as this node is
            # alive. A node that stops leaves that to its lease.
            if not self.accepting:
                return
            await asyncio.sleep(RELEASE_AGAIN_AFTER)

    async def close_all(self) -> None:
        """Close every socket because this node stops; returns when all are gone or time is up.

        Commands that are running end first. Many sockets are closed a few at a time, so that
        their charge points do not come back in the same instant.
        """
        self.accepting = False
        for task in self._tasks:
            task.cancel()
        connections = list(self._registry)
        try:
            async with asyncio.timeout(self._deps.settings.shutdown_grace):
                await asyncio.gather(*(connection.settled() for connection in connections))
        except TimeoutError:
            log.warning("commands_left_running")
        for count, connection in enumerate(connections):
            connection.close(SERVICE_RESTART, RESTART)
            if count % CLOSED_AT_ONCE == CLOSED_AT_ONCE - 1:
                batches = len(connections) / CLOSED_AT_ONCE
                await asyncio.sleep(min(0.1, self._deps.settings.drain_seconds / batches))
        try:
            async with asyncio.timeout(self._deps.settings.shutdown_grace):
                await asyncio.gather(*(connection.until_closed() for connection in connections))
                await asyncio.gather(*self._releases)
        except TimeoutError:
            log.warning("sockets_left_open", count=len(self._registry))

    def _accepted(self, connection: Connection) -> None:
        before = connection.record_before or {}
        if before.get(BOOT):
            before[BOOT] = None
            self._deps.held.note(connection.hold, {BOOT: None})
        reset_sent_at = before.pop(RESET_SENT_AT, None)
        if reset_sent_at is not None:
            self._spawn(self._note_reset_done(connection, reset_sent_at), self._tasks)
        own = before.get("connectorSync")
        if self._deps.settings.connector_sync if own is None else own:
            read = self._configuration_reads.ask(
                connection,
                partial(self._read_configuration, connection),
                self._deps.settings.connector_sync_delay,
            )
            self._spawn(read, self._tasks)

    async def _note_reset_done(self, connection: Connection, sent_at: datetime) -> None:
        """The boot that was just accepted may be the end of a Reset that csms sent."""
        since = self._deps.clock() - RESET_WINDOW
        if sent_at < since:
            return
        try:
            await self._deps.commands.note_reset_done(connection.charge_point_id, since)
        except DatabaseUnavailable as error:
            connection.log.warning("reset_not_noted", error=str(error))

    def _unbooted(self, connection: Connection) -> None:
        """A Call was refused for want of a boot: trigger one."""
        triggers = self._boot_triggers
        if not triggers.is_asking(connection) and not triggers.is_left_alone(connection):
            trigger = triggers.ask(connection, partial(self._trigger_boot, connection))
            self._spawn(trigger, self._tasks)

    def _work(self, connection: Connection, work: Callable[[], Awaitable[None]]) -> None:
        self._spawn(self._do(connection, work), self._tasks)

    async def _do(self, connection: Connection, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except CsmsError as error:
            connection.log.warning("own_work_failed", error=str(error))

    async def _read_configuration(self, connection: Connection) -> str | None:
        """Ask for the connectors; why that was in vain, None if there was an answer."""
        assert connection.claim is not None, "a charge point without a record has booted"
        try:
            sync = await sync_connectors(connection.inquire, self._deps, connection.claim)
        except ChargePointOffline:
            # It was not asked, and will be after the boot of its next connection.
            return None
        except CallErrorReceived as error:
            connection.log.info("connectors_refused", error=str(error))
            fields = {SYNC_ERROR: str(error), CONFIGURATION: None}
            self._deps.held.note(connection.claim, fields)
            return None
        except CommandTimeout as error:
            return str(error)
        return None if sync.unanswered is None else str(sync.unanswered)

    async def _trigger_boot(self, connection: Connection) -> str | None:
        """Ask for a BootNotification; why that was in vain, None if it has come."""
        reason = "no BootNotification came"
        if connection.lacks_boot:
            payload = {"requestedMessage": "BootNotification"}
            try:
                await self._node.ask(
                    connection.charge_point_id,
                    "TriggerMessage",
                    payload,
                    OURSELVES,
                    is_question=True,
                )
            except ChargePointOffline:
                # It was not asked, and will be on its next connection.
                return None
            except CommandError as error:
                reason = str(error)
        return reason if connection.lacks_boot else None

    async def _await_boot(self, connection: Connection) -> None:
        """Turn away an unknown identity that does not boot in time."""
        await asyncio.sleep(self._deps.settings.boot_deadline)
        if not connection.is_known and not connection.closed:
            self._admission.was_unknown(connection)
            await connection.reject(
                Rejection(connection.identity, connection.remote_address, Reason.NOT_WHITELISTED)
            )

    def _spawn(
        self, coroutine: Coroutine[Any, Any, None], kept_in: set[asyncio.Task[None]]
    ) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        kept_in.add(task)
        task.add_done_callback(kept_in.discard)
