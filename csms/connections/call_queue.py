"""The Calls of one charge point that wait to be served, and what they wait for.

Most wait for the one before. A Call is held while its charge point has stored more than its bound
where that Call is stored (csms.domain.stored_bytes); those behind it wait too. A large one may have
to wait for its turn (csms.connections.backlog).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from csms.connections.backlog import SMALL
from csms.ocppj.frames import Call
from csms.ocppj.schemas import action_label

if TYPE_CHECKING:
    from csms.connections.connection import Connection

MAX_WAITING_SIZE = 1_048_576
"""Characters of the Calls that wait."""

LOOKED_AT_EVERY = 1.0
"""Seconds between two looks at a Call that is held, and at whether its socket is still there."""


class CallQueue:
    """Bounded; the reader is told to wait when it is full."""

    __slots__ = (
        "_connection", "_go_on", "_calls", "_size", "_served", "_room", "_held", "_awaits_turn",
    )  # fmt: skip

    def __init__(self, connection: Connection, go_on: Callable[[], None]) -> None:
        """`go_on` is called when a Call that could not be served yet may be now."""
        self._connection = connection
        self._go_on = go_on
        self._calls: deque[tuple[Call, int]] | None = None
        self._size = 0
        self._served = 0
        """The size of the Call that is being served, if that is counted."""
        self._room: asyncio.Future[None] | None = None
        self._held: asyncio.TimerHandle | None = None
        self._awaits_turn = False

    @property
    def is_stopped(self) -> bool:
        """Whether no Call may be served though none is being served."""
        return self._held is not None or self._awaits_turn

    def may_begin(self, call: Call, size: int) -> bool:
        """Whether a Call may be served now; if not, `go_on` is called when it may be.

        Then `served` is to be called when it was. That only those are asked for that are large or
        of a charge point over its bound is left to the caller: it is on everybody's way.
        """
        if self._must_hold(call):
            return False
        if size > SMALL:
            share = self._connection.transport.share
            if not share.backlog.may_serve(size, self._take_turn):
                self._awaits_turn = True
                return False
            share.add(size)
            self._served = size
        return True

    def served(self) -> None:
        """Count the Call that was being served no more."""
        if self._served:
            size, self._served = self._served, 0
            share = self._connection.transport.share
            share.backlog.served(size)
            share.remove(size)

    def put(self, call: Call, size: int) -> Awaitable[None] | None:
        """Add a Call; what is returned, if anything, is to be awaited before more are read."""
        if self.is_stopped and self._connection.transport.is_closing():
            self.was_closed()
            return None
        if self._calls is None:
            self._calls = deque()
        if size > SMALL:
            call.put_down()
        self._calls.append((call, size))
        self._size += size
        self._connection.transport.share.add(size)
        if not self._is_full:
            return None
        self._room = asyncio.get_running_loop().create_future()
        return self._room

    def take(self) -> Call | None:
        """The next Call, if there is one that may be served now; see `may_begin`."""
        if self._calls is None:
            return None
        call, size = self._calls[0]
        if self.is_stopped or not self.may_begin(call, size):
            if self.is_stopped and self._connection.transport.is_closing():
                self.was_closed()
            return None
        self._calls.popleft()
        self._size -= size
        if size > SMALL:
            call.pick_up()
        self._connection.transport.share.remove(size)
        if not self._calls:
            self._calls = None
        if not self._is_full:
            self._make_room()
        return call

    def was_closed(self) -> None:
        """Drop what is held or awaits its turn, for it was not answered. The rest is served."""
        if self.is_stopped:
            self.drop()

    def drop(self) -> None:
        """Drop all that wait."""
        if self._held is not None:
            self._held.cancel()
        self._held, self._awaits_turn = None, False
        self._calls = None
        self._connection.transport.share.remove(self._size)
        self._size = 0
        self._make_room()

    @property
    def _is_full(self) -> bool:
        if self._calls is None:
            return False
        connection = self._connection
        if len(self._calls) >= connection.node.deps.settings.inbound_queue:
            return True
        # Memory is not for those that wait by their own fault.
        most = MAX_WAITING_SIZE if self._held is None else SMALL
        return self._size >= most or connection.transport.share.is_too_large

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def _must_hold(self, call: Call) -> bool:
        stored = self._connection.stored
        if not stored.is_over or not (wait := stored.wait_for(call.action)):
            return False
        metrics = self._connection.node.deps.metrics
        metrics.held_calls.labels(action_label(call.action)).inc()
        loop = asyncio.get_running_loop()
        self._held = loop.call_later(min(wait, LOOKED_AT_EVERY), self._look_at_held)
        return True

    def _look_at_held(self) -> None:
        if self._connection.transport.is_closing():
            self.was_closed()
        else:
            self._held = None
            self._go_on()

    def _take_turn(self) -> None:
        if self._awaits_turn:
            self._awaits_turn = False
            self._go_on()
