"""Opens, boots and closes connections: what the WebSocket handler calls, and nothing of Tornado."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import structlog

from csms.actions.context import Deps, Inbound
from csms.connections.admission import Admission, Admitted, Reason
from csms.connections.connection import Ask, Connection, Node, Transport
from csms.connections.connector_sync import sync_connectors
from csms.connections.gate import Gate
from csms.connections.message_log import MessageLog
from csms.connections.registry import Registry
from csms.domain import protocol_trouble
from csms.errors import CommandError, CsmsError, DatabaseUnavailable
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
    ) -> None:
        self._deps = deps
        self._registry = registry
        self._admission = admission
        self._node = Node(deps, inbound, messages, admission.bind, self._accepted, self._work, ask)
        self._tasks: set[asyncio.Task[None]] = set()
        self._releases: set[asyncio.Task[None]] = set()
        self.accepting = True
        self.gate = Gate(deps.settings.max_connects_per_second)

    def connect(self, transport: Transport, admitted: Admitted, remote_address: str) -> Connection:
        """Make the connection of a socket that was just upgraded."""
        connection = Connection(
            transport, self._node, identity=admitted.identity, remote_address=remote_address
        )
        connection.authenticated = admitted.authenticated
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
                self._spawn(self._await_boot(connection), self._tasks)
        except DatabaseUnavailable:
            connection.close(TRY_AGAIN_LATER, AWAY)

    def closed(self, connection: Connection, code: int | None) -> None:
        """Clean up after a socket; what it sent before is still served."""
        connection.was_closed()
        self._registry.remove(connection)
        self._deps.metrics.connections.set(len(self._registry))
        reason = connection.transport.closed_for
        connection.log.info("disconnected", code=code, closed_for=reason)
        if reason is not None:
            self._note_close(connection, reason)
        self._spawn(self._release(connection), self._releases)

    def _note_close(self, connection: Connection, reason: str) -> None:
        """Keep why csms closed the socket of a charge point.

        Whoever was turned away is in `rejected_connections`, and the record is not its own.
        """
        if not connection.is_known or connection.is_rejected or reason in _ROUTINE:
            return
        fields = {"closedByCsmsAt": self._deps.clock(), "closedByCsmsReason": reason}
        self._deps.charge_points.note(connection.charge_point_id, fields)
        if reason != Reason.NOT_WHITELISTED:
            self._deps.note_trouble(connection.charge_point_id, protocol_trouble.closed(reason))

    async def _release(self, connection: Connection) -> None:
        await connection.drained()
        closed_at = self._deps.clock()
        while connection.claim is not None:
            try:
                await self._deps.charge_points.release(connection.claim, closed_at)
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
        own = before.get("connectorSync")
        if self._deps.settings.connector_sync if own is None else own:
            self._spawn(self._sync(connection), self._tasks)

    def _work(self, connection: Connection, work: Callable[[], Awaitable[None]]) -> None:
        self._spawn(self._do(connection, work), self._tasks)

    async def _do(self, connection: Connection, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except CsmsError as error:
            connection.log.warning("own_work_failed", error=str(error))

    async def _sync(self, connection: Connection) -> None:
        await asyncio.sleep(self._deps.settings.connector_sync_delay)
        try:
            await sync_connectors(
                connection.call,
                self._deps.charge_points,
                connection.charge_point_id,
                self._deps.clock,
            )
        except CommandError as error:
            connection.log.info("connectors_not_told", error=str(error))
        except CsmsError as error:
            connection.log.warning("connectors_not_synced", error=str(error))

    async def _await_boot(self, connection: Connection) -> None:
        """Turn away an unknown identity that does not boot in time."""
        await asyncio.sleep(self._deps.settings.boot_deadline)
        if not connection.is_known and not connection.closed:
            await connection.reject(
                Rejection(connection.identity, connection.remote_address, Reason.NOT_WHITELISTED)
            )

    def _spawn(
        self, coroutine: Coroutine[Any, Any, None], kept_in: set[asyncio.Task[None]]
    ) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        kept_in.add(task)
        task.add_done_callback(kept_in.discard)
