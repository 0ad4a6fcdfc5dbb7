"""Questions that csms asks a charge point by itself: one at a time, and ever more rarely in vain.

How often one was in vain is kept in the charge point's record, so that it holds across reconnects,
restarts and nodes (csms.domain.unanswered). Where all is well nothing is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from csms.actions.context import Deps
from csms.connections.connection import Connection
from csms.domain.unanswered import Unanswered
from csms.errors import CsmsError

Question = Callable[[], Awaitable[str | None]]
"""Asks; returns why it was in vain, or None if there is no need to ask again."""


class OwnQuestions:
    """One kind of question to the charge points of this node.

    `field` is where a record counts those in vain; `error_field`, where given, says why.
    """

    def __init__(self, deps: Deps, field: str, error_field: str | None = None) -> None:
        self._deps = deps
        self._field = field
        self._error_field = error_field
        self._asking: dict[str, Connection] = {}

    def is_asking(self, connection: Connection) -> bool:
        """Whether the question is out on this connection, or waits for its pause to end."""
        return self._asking.get(connection.charge_point_id) is connection

    def is_left_alone(self, connection: Connection) -> bool:
        """Whether the charge point was asked in vain so often that it is not asked again."""
        return Unanswered.read(connection.record_before or {}, self._field).is_left_alone

    async def ask(self, connection: Connection, question: Question, delay: float = 0.0) -> None:
        """Ask until that is not in vain, no more allowed, or the connection is gone."""
        if self.is_asking(connection):
            return
        charge_point_id = connection.charge_point_id
        self._asking[charge_point_id] = connection
        try:
            await asyncio.sleep(delay)
            await self._keep_asking(connection, question)
        except CsmsError as error:
            connection.log.warning("own_question_failed", error=str(error))
        finally:
            if self.is_asking(connection):
                del self._asking[charge_point_id]

    async def _keep_asking(self, connection: Connection, question: Question) -> None:
        so_far = Unanswered.read(connection.record_before or {}, self._field)
        if so_far.times:
            # A person may have asked since, on any node.
            so_far = await self._on_record(connection)
        while self._may_ask(connection) and not so_far.is_left_alone:
            if pause := so_far.seconds_until_next(self._deps.clock()):
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await connection.until_closed()
                so_far = await self._on_record(connection)
                if not self._may_ask(connection) or so_far.times == 0:
                    return
            reason = await question()
            if reason is None:
                return
            so_far = so_far.once_more(self._deps.clock())
            await self._note(connection, so_far, reason)

    def _may_ask(self, connection: Connection) -> bool:
        return self.is_asking(connection) and not connection.closed

    async def _on_record(self, connection: Connection) -> Unanswered:
        record = await self._deps.charge_points.get(connection.charge_point_id)
        return Unanswered.read(record, self._field)

    async def _note(self, connection: Connection, so_far: Unanswered, reason: str) -> None:
        fields: dict[str, object] = {self._field: so_far.document()}
        if connection.record_before is not None:
            connection.record_before |= fields
        if self._error_field is not None:
            fields[self._error_field] = _explain(so_far, reason)
        connection.log.info("own_question_in_vain", times=so_far.times, reason=reason)
        if connection.claim is not None:
            # It may have closed the connection in place of an answer.
            await self._deps.held.set_fields(connection.claim, fields)


def _explain(so_far: Unanswered, reason: str) -> str:
    if so_far.is_left_alone:
        return f"{reason}; asked {so_far.times} times in a row; refresh the connectors to ask again"
    return reason if so_far.times == 1 else f"{reason}; asked {so_far.times} times in a row"
