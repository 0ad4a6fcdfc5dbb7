"""The messages that were read and are not answered yet: their bytes, over all connections.

Memory is shared as a switch shares its buffer between ports (dynamic thresholds: Choudhury and
Hahne, 1998): a connection may have half as much waiting as is still free. So the one with the most
is held back first, and there is always room left for others. What is small is always read.

A large message that comes in parts is counted as a whole before it is read to its end: no two can
each hold a half and wait for the other. Until there is room for it its first part is parked. One
that is being read and stops coming gives way to those that wait.

A message that is served takes some forty times the memory that it takes as a text, so only a part
of those that are large is served at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

SMALL = 16_384
"""Bytes that any connection may have waiting. One Call up to this size is not even counted."""
FINISH_WITHIN = 60.0
"""Seconds that a message may take to arrive while others wait for its room ..."""
SILENT_FOR = 10.0
"""... and that nothing of it may arrive."""
SERVED_PART = 1 / 4
"""Of what may wait: the large Calls that are served at a time."""
LOOKED_AT_EVERY = 1.0
SERVED_AT_ONCE = 64


class Reader(Protocol):
    """Who reads a message that comes in parts."""

    def read_on(self) -> bool:
        """Read on if there is room now; whether there is."""

    def give_way(self) -> bool:
        """Let go of a message that takes too long to arrive.

        False if that is not the peer's fault: it is not being read.
        """


@dataclass(slots=True)
class _Arrival:
    """When a message began to be read to its end, and when something of it came last."""

    began: float
    last: float


class Backlog:
    """What waits in this process, bytes; `most` is when it is too much."""

    def __init__(
        self,
        most: int,
        note_short: Callable[[], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`note_short` is called when a message has to wait for room; `clock` counts seconds."""
        self.most = most
        self.size = 0
        self._note_short = note_short
        self._clock = clock
        self._parked = 0
        self._waiting: dict[Reader, int] = {}
        self._unfinished: dict[Reader, _Arrival] = {}
        self._is_looking = False
        self._served = 0
        self._turns: deque[Callable[[], None]] = deque()

    @property
    def enough(self) -> float:
        """What one connection may have waiting."""
        return (self.most - self.size) / 2

    def may_finish(self, reader: Reader, share: Share, size: int) -> bool:
        """Whether there is room for a message of this size; then it is counted.

        One is always being read to its end, or none ever would.
        """
        if self._unfinished and share.size + size > self.enough:
            return False
        now = self._clock()
        self._unfinished[reader] = _Arrival(now, now)
        share.add(size)
        return True

    def progressed(self, reader: Reader) -> None:
        """More of a message has come that is being read to its end."""
        self._unfinished[reader].last = self._clock()

    def park(self, reader: Reader, size: int) -> bool:
        """Keep the first part of a message, and have its reader asked again when there is room.

        False if too many are parked already.
        """
        self._note_short()
        self._unpark(reader)
        if self._parked + size > self.most / 2:
            return False
        self._waiting[reader] = size
        self._parked += size
        self._look_soon()
        return True

    def _unpark(self, reader: Reader) -> int:
        size = self._waiting.pop(reader, 0)
        self._parked -= size
        return size

    def finished(self, reader: Reader) -> None:
        """The message has come to its end, or never will; its share is to be given back then."""
        self._unpark(reader)
        self._unfinished.pop(reader, None)

    def serve(self) -> None:
        """Let some of those that wait read on, if there is room."""
        for reader in list(self._waiting)[:SERVED_AT_ONCE] if self._waiting else ():
            # Those for which there is still none go behind the others.
            if size := self._unpark(reader):
                if not reader.read_on():
                    self._waiting[reader] = size
                    self._parked += size

    def may_serve(self, size: int, when_it_may: Callable[[], None]) -> bool:
        """Whether a large Call may be served now; if not, `when_it_may` is called to ask again."""
        if self._served and self._served + size > self.most * SERVED_PART:
            self._turns.append(when_it_may)
            return False
        self._served += size
        return True

    def served(self, size: int) -> None:
        """A large Call was served; the next may have its turn."""
        self._served -= size
        if self._turns:
            asyncio.get_running_loop().call_soon(self._give_turns)

    def _give_turns(self) -> None:
        for _ in range(len(self._turns)):
            if self._served >= self.most * SERVED_PART:
                return
            self._turns.popleft()()

    def _look_soon(self) -> None:
        if self._waiting and not self._is_looking:
            self._is_looking = True
            asyncio.get_running_loop().call_later(LOOKED_AT_EVERY, self._look)

    def _look(self) -> None:
        self._is_looking = False
        now = self._clock()
        for reader, arrival in list(self._unfinished.items()):
            is_slow = now - arrival.last >= SILENT_FOR or now - arrival.began >= FINISH_WITHIN
            if is_slow and self._waiting and not reader.give_way():
                self._unfinished[reader] = _Arrival(now, now)
        self.serve()
        self._look_soon()


class Share:
    """What one connection has waiting."""

    __slots__ = ("backlog", "size")

    def __init__(self, backlog: Backlog) -> None:
        self.backlog = backlog
        self.size = 0

    def add(self, size: int) -> None:
        """Count bytes that wait."""
        self.size += size
        self.backlog.size += size

    def remove(self, size: int) -> None:
        """Count them no more."""
        self.size -= size
        self.backlog.size -= size
        self.backlog.serve()

    @property
    def is_too_large(self) -> bool:
        """Whether the connection should be read no further."""
        return self.size > SMALL and self.size > self.backlog.enough
